"""What the gate looks at: a locked case with its accepted label, and what one version makes of it."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gliolabel.errors import InputError
from gliolabel.evaluation.cases import OpenedCase, open_volume, patient_of
from gliolabel.evaluation.files import Digests
from gliolabel.evaluation.outcomes import Outcome
from gliolabel.studies import Case
from gliolabel.uncertainty.calibration import Reliability
from gliolabel.vocabulary import LABELS


@dataclass(frozen=True)
class GateCase:
    """A locked case.

    Args:
        case_id: its id.
        case: its images.
        label: uint8 (z, y, x), the accepted label on the reference grid, values 0 to 3.
        person: the patient; by default what the id says (:func:`patient_of`).
    """

    case_id: str
    case: Case
    label: np.ndarray = field(repr=False)
    person: str = ""

    @classmethod
    def of(cls, case: Case) -> GateCase:
        """A case with the label that lies beside it.

        Raises:
            InputError: it has none, or the label cannot be read.
        """
        label = case.read_label()
        if label is None:
            raise InputError(f"case {case.id}: has no label; the gate compares with one. Leave it out, or add its label.")
        return cls(case.id, case, label)

    @property
    def id(self) -> str:
        """See :class:`gliolabel.evaluation.cases.LabelledCase`, as the others."""
        return self.case_id

    @property
    def patient(self) -> str:
        """The person: the unit that statistics resample."""
        return self.person or patient_of(self.case_id)

    def image_digests(self) -> dict[str, str]:
        """SHA-256 of each image file, by sequence.

        Raises:
            InputError: a file cannot be read.
        """
        files = Digests()
        return {name: files.of(file.path) for name, file in self.case.sequences.items()}

    def label_sha256(self) -> str:
        """SHA-256 of the label's shape and voxels: the same label in another file is the same."""
        return hashlib.sha256(repr(self.label.shape).encode() + np.ascontiguousarray(self.label, dtype=np.uint8).tobytes()).hexdigest()

    def digests(self) -> dict[str, str]:
        """The images' and the label's."""
        return {**self.image_digests(), "label": self.label_sha256()}

    def open(self) -> OpenedCase:
        """Read the images.

        Raises:
            InputError: a file cannot be used, or the label does not fit.
        """
        if int(self.label.max(initial=0)) > max(LABELS.values()):
            raise InputError(
                f"case {self.case_id}: its label holds the value {int(self.label.max())}; expected 0 to {max(LABELS.values())}"
            )
        return open_volume(self.case, self.label)


@dataclass(frozen=True)
class PackedMask:
    """A mask, small enough to keep those of many cases: a whole volume takes some ten kilobytes.

    Args:
        shape: (z, y, x).
        packed: the voxels in C order, compressed.
    """

    shape: tuple[int, ...]
    packed: bytes = field(repr=False)

    @classmethod
    def pack(cls, mask: np.ndarray) -> PackedMask:
        """Pack a uint8 array."""
        return cls(mask.shape, zlib.compress(np.ascontiguousarray(mask, dtype=np.uint8).tobytes(), level=1))

    def array(self) -> np.ndarray:
        """The uint8 array again."""
        return np.frombuffer(zlib.decompress(self.packed), dtype=np.uint8).reshape(self.shape)


@dataclass(frozen=True)
class CaseMeasures:
    """What one version makes of one locked case.

    Args:
        case_id: the case.
        patient: the person.
        weights_sha256: of the version's weights file.
        digests: SHA-256 of the case's images by sequence, and of its label.
        outcome: the measures; None when the case does not count.
        refused: why it does not count, else empty.
        mask: the version's mask, for pictures; None when the case does not count.
    """

    case_id: str
    patient: str
    weights_sha256: str
    digests: Mapping[str, str]
    outcome: Outcome | None
    refused: str = ""
    mask: PackedMask | None = field(default=None, repr=False, compare=False)

    def value(self, region: str, measure: str) -> float | None:
        """One number, None where it does not exist."""
        return None if self.outcome is None else self.outcome.value(region, measure)

    def counts(self, region: str) -> Reliability:
        """Voxels of the brain by predicted probability of a region."""
        assert self.outcome is not None
        return self.outcome.counts(region)

    def as_json(self) -> dict[str, Any]:
        """The numbers of a decision, without what is long: the counts and the mask."""
        found: dict[str, Any] = {"case_id": self.case_id, "weights_sha256": self.weights_sha256, "sha256": dict(self.digests)}
        if self.outcome is None:
            return {**found, "refused": self.refused}
        return {**found, "device": self.outcome.device, "regions": {name: dict(row) for name, row in self.outcome.rows.items()}}
