"""Whether a sequence lies on the reference, and where it does if the patient moved."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import SimpleITK as sitk

from gliolabel.registration.overlap import overlap
from gliolabel.registration.rigid import Estimate, RegistrationError, register
from gliolabel.registration.transforms import Transforms
from gliolabel.registration.views import View, view
from gliolabel.studies.background import Foreground, foreground
from gliolabel.studies.grid import Grid

#: ``auto``: a sequence is registered when the overlap of the brains says so; ``on``: always; ``off``: never.
Mode = Literal["auto", "on", "off"]

#: Extracted brains that overlap (Dice) by this much lie on each other. All 60 pairs of 20 BraTS cases have more
#: than 0.995 (tests/registration/test_real.py); a shift of 1 mm or a turn of 1 degree gave 0.988 or less in two of them.
IN_PLACE_OVERLAP: Final = 0.99
#: A transform that moves the head by less (mm, on average) is not applied by ``auto``: interpolation would cost more than it gives.
IN_PLACE_MM: Final = 1.0
#: What a registration has to reach: the overlap of two brains, of two heads (fat that is suppressed in one of them is missing there).
_LEAST_OVERLAP: Final = {True: 0.9, False: 0.75}
#: Sequences of one head tell at least so much about each other (nats) once they lie on each other; BraTS' T2 and T1ce tell 0.4.
_LEAST_SIMILARITY: Final = 0.1
#: Nobody turns the head further (degrees) or moves it further (mm) within one examination.
_MOST_DEGREES, _MOST_MM = 45.0, 200.0


@dataclass(frozen=True)
class Source:
    """A sequence as it lies in its file.

    Args:
        array: (z, y, x).
        grid: its own grid.
        mark: another text when the volume is another.
    """

    array: np.ndarray
    grid: Grid
    mark: str


@dataclass(frozen=True)
class Alignment:
    """What came of one sequence.

    Args:
        sequence: its name.
        reference: the sequence it was compared with.
        overlap: Dice coefficient of both heads as they lie.
        applied: the sequence is moved by ``estimate``.
        why: in words, why it was or was not.
        estimate: the transform that was found, if one was looked for and found.
        failed: a transform was looked for, and what was found did not pass its check.
    """

    sequence: str
    reference: str
    overlap: float
    applied: bool
    why: str
    estimate: Estimate | None = None
    failed: bool = False

    @property
    def transform(self) -> sitk.Euler3DTransform | None:
        """What a resampler onto the reference grid is given; None where the sequence is taken as it lies."""
        return self.estimate.transform() if self.estimate is not None and self.applied else None

    def warning(self) -> str:
        """A sentence for the reader; empty when there is nothing to know."""
        if self.applied and self.estimate is not None:
            found = self.estimate
            turned = ", ".join(f"{angle:.1f}" for angle in found.rotation_deg)
            shifted = ", ".join(f"{shift:.1f}" for shift in found.translation_mm)
            return (
                f"{self.sequence} was registered to {self.reference}: moved by {found.moved_mm:.1f} mm on average (turned by {turned} "
                f"degrees, shifted by {shifted} mm); overlap {found.overlap[0]:.3f} before, {found.overlap[1]:.3f} after"
            )
        if self.failed:
            return (
                f"{self.sequence} may not lie on {self.reference} (overlap {self.overlap:.3f}) and could not be registered: {self.why}. "
                "It is used as it lies; look at both on top of each other"
            )
        return ""

    def as_json(self) -> dict[str, Any]:
        """For a result: whether and why, the transform, the check values."""
        answer: dict[str, Any] = {"reference": self.reference, "applied": self.applied, "why": self.why}
        if self.estimate is None:
            return {**answer, "overlap_before": round(self.overlap, 4)}
        found = self.estimate
        return {
            **answer,
            "overlap_before": round(found.overlap[0], 4),
            "overlap_after": round(found.overlap[1], 4),
            "similarity_before": round(found.similarity[0], 4),
            "similarity_after": round(found.similarity[1], 4),
            "moved_mm": round(found.moved_mm, 3),
            "rotation_deg": list(found.rotation_deg),
            "translation_mm": list(found.translation_mm),
            "centre_mm": list(found.centre),
            "matrix": found.matrix().tolist(),
        }


def align(sources: Mapping[str, Source], *, reference: str, mode: Mode, transforms: Transforms) -> dict[str, Alignment]:
    """See where the sequences lie, side by side.

    Args:
        sources: the sequences by name.
        reference: the one that stays where it is.
        mode: when to register.
        transforms: where transforms are kept.

    Returns:
        What came of every other sequence, by name; nothing for ``off``.
    """
    others = [name for name in sources if name != reference]
    if mode == "off" or not others:
        return {}
    fixed = _Fixed(sources[reference])

    def look(name: str) -> Alignment:
        return _align(name, sources[name], reference=reference, fixed=fixed, mode=mode, transforms=transforms)

    with ThreadPoolExecutor(max_workers=len(others), thread_name_prefix="align") as pool:
        return dict(zip(others, pool.map(look, others), strict=True))


class _Fixed:
    """The reference, made small when the first sequence needs it."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.head = foreground(source.array, source.grid)
        self._lock = threading.Lock()
        self._view: View | None = None

    def view(self) -> View:
        with self._lock:
            if self._view is None:
                self._view = view(self.source.array, self.source.grid, self.head)
            return self._view


def _align(name: str, source: Source, *, reference: str, fixed: _Fixed, mode: Mode, transforms: Transforms) -> Alignment:
    head = foreground(source.array, source.grid)
    before = overlap(fixed.head, head)
    # The outline of a whole head says little: fat that one sequence shows and the other suppresses is a centimetre of it.
    if mode == "auto" and head.stripped and fixed.head.stripped and before >= IN_PLACE_OVERLAP:
        return Alignment(name, reference, before, False, "lies on the reference")
    try:
        pair = (fixed.source.mark, source.mark)
        found = transforms.get(pair, lambda: register(fixed.view(), view(source.array, source.grid, head)))
    except RegistrationError as error:
        return Alignment(name, reference, before, False, str(error), failed=True)
    except RuntimeError:
        return Alignment(name, reference, before, False, "a volume has too few slices for it", failed=True)
    told, tells = found.similarity
    # So little is not worth an interpolation; and what an optimiser does at its end may lower what is checked by a hair.
    if found.moved_mm < IN_PLACE_MM and told >= _LEAST_SIMILARITY and (mode == "auto" or tells < told):
        return Alignment(name, reference, before, False, "lies on the reference", found)
    fault = _fault(found, fixed.head, head)
    if fault:
        return Alignment(name, reference, before, False, fault, found, failed=True)
    return Alignment(name, reference, before, True, "asked for" if mode == "on" else "does not lie on the reference", found)


def _fault(found: Estimate, fixed: Foreground, moving: Foreground) -> str:
    """Why a transform cannot be right; empty when nothing speaks against it."""
    turned = max(abs(angle) for angle in found.rotation_deg)
    if turned > _MOST_DEGREES or found.moved_mm > _MOST_MM:
        return f"the head would be turned by {turned:.0f} degrees and moved by {found.moved_mm:.0f} mm"
    told, tells = found.similarity
    if tells < max(told, _LEAST_SIMILARITY):
        return f"they tell {tells:.3f} nats about each other afterwards, {told:.3f} before"
    # One with and one without the skull never overlap well.
    if fixed.stripped == moving.stripped and found.overlap[1] < _LEAST_OVERLAP[fixed.stripped]:
        return f"they overlap by {found.overlap[1]:.2f} afterwards"
    return ""
