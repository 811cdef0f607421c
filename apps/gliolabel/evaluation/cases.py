"""What is tested on: a labelled case, opened once for all models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from gliolabel.errors import InputError
from gliolabel.evaluation.files import Digests
from gliolabel.metrics.regions import region_masks
from gliolabel.preprocessing.orientation import Turn, turn_to_lps
from gliolabel.studies import Case
from gliolabel.studies.ids import patient_of
from gliolabel.vocabulary import REGIONS


@dataclass(frozen=True)
class OpenedCase:
    """A case and its truth, read.

    Args:
        id: id of the case.
        images: what :meth:`Predictor.prepare` takes.
        truth: boolean (z, y, x) by region.
        classes: uint8 (z, y, x) class indices of the truth, or None where there are none.
        spacing: voxel edges (z, y, x) in mm, or None when nobody knows them.
        pictures: arrays (z, y, x) that show the case, by sequence.
        turn: turns an array so that its slices are axial, the patient's right on the left, front up; and back.
    """

    id: str
    images: Any
    truth: Mapping[str, np.ndarray]
    classes: np.ndarray | None
    spacing: tuple[float, float, float] | None
    pictures: Mapping[str, np.ndarray]
    turn: Turn


class LabelledCase(Protocol):
    """A case that can be opened."""

    @property
    def id(self) -> str:
        """Unique in its study folder."""

    @property
    def patient(self) -> str:
        """The person: the unit that statistics resample."""

    def digests(self) -> Mapping[str, str]:
        """SHA-256 by role (``t1``, ..., ``label``) of every file that the case is read from."""

    def open(self) -> OpenedCase:
        """Read images and label.

        Raises:
            InputError: a file cannot be used; the message names it.
        """


@dataclass(frozen=True)
class VolumeCase:
    """A case of a study folder."""

    case: Case
    files: Digests

    @property
    def id(self) -> str:
        """See :class:`LabelledCase`."""
        return self.case.id

    @property
    def patient(self) -> str:
        """See :class:`LabelledCase`."""
        return patient_of(self.case.id)

    def digests(self) -> dict[str, str]:
        """See :class:`LabelledCase`; the numbering of the label counts as part of it."""
        found = {name: self.files.of(file.path) for name, file in self.case.sequences.items()}
        label = self.case.label
        return found if label is None else {**found, "label": f"{self.files.of(label.path)} {label.numbering.name}"}

    def open(self) -> OpenedCase:
        """See :class:`LabelledCase`."""
        label = self.case.read_label()
        if label is None:
            raise InputError(f"case {self.case.id}: has no label; a test needs one")
        return open_volume(self.case, label)


def open_volume(case: Case, label: np.ndarray) -> OpenedCase:
    """Read a case of volumes and take this label for its truth.

    Args:
        case: the case.
        label: uint8 (z, y, x), values 0..3 on the case's reference grid.

    Raises:
        InputError: a file cannot be used, or the label has another grid.
    """
    images = case.read()
    x, y, z = images.grid.spacing
    if label.shape != images.grid.size[::-1]:
        raise InputError(
            f"case {case.id}: its label has {' x '.join(map(str, label.shape[::-1]))} voxels (x, y, z), "
            f"its {case.reference} {' x '.join(map(str, images.grid.size))}; expected a label on the grid of the {case.reference}"
        )
    return OpenedCase(
        id=case.id,
        images=images,
        truth=dict(zip(REGIONS, region_masks(label), strict=True)),
        classes=label,
        spacing=(z, y, x),
        pictures=images.arrays,
        turn=turn_to_lps(images.grid.direction),
    )
