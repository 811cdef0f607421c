"""Samples from folders of slices in the layout of the LGG set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gliolabel.errors import InputError
from gliolabel.studies.lgg import LggCase, open_lgg
from gliolabel.training.samples.loader import sha256_of, stamp


@dataclass(frozen=True)
class SliceLoader:
    """A case of slices.

    Args:
        case: the case.
        channels: what the network reads, in order.
    """

    case: LggCase
    channels: Sequence[str]

    @property
    def id(self) -> str:
        """See :class:`CaseLoader`."""
        return self.case.id

    @property
    def patient(self) -> str:
        """See :class:`CaseLoader`."""
        return self.case.patient

    def depth(self) -> int | None:
        """See :class:`CaseLoader`."""
        return len(self.case.slices)

    def load(self) -> tuple[np.ndarray, np.ndarray]:
        """See :class:`CaseLoader`; the label is 0 and 1."""
        masks = self.case.read_masks()
        arrays = self.case.read()
        missing = [name for name in self.channels if name not in arrays]
        if missing:
            raise InputError(
                f"case {self.id}, file {self.case.slices[0].path.name}: has {len(arrays)} channel{'s' if len(arrays) > 1 else ''} "
                f"({', '.join(arrays)}), the recipe reads {', '.join(self.channels)} (data.channels). Grey slices are FLAIR: "
                "set data.channels=[flair] and network.in_channels=1"
            )
        return np.stack([arrays[name] for name in self.channels]), masks

    def fingerprint(self) -> str:
        """See :class:`CaseLoader`."""
        return stamp([*self.case.files().values(), *(one.mask for one in self.case.slices if one.mask is not None)])

    def image_sha256(self) -> dict[str, str]:
        """See :class:`CaseLoader`."""
        return {name: sha256_of(path) for name, path in self.case.files().items()}


def find_slices(studies: Path, *, channels: Sequence[str]) -> list[SliceLoader]:
    """The cases of a folder; one without any mask is passed over.

    Raises:
        InputError: the folder holds no slices, or none with a mask.
    """
    cases = [case for case in open_lgg(studies) if any(one.mask is not None for one in case.slices)]
    if not cases:
        raise InputError(f"study folder {studies}: no slice has a mask; expected NAME_mask.tif beside NAME.tif")
    return [SliceLoader(case, tuple(channels)) for case in cases]
