"""A case: one patient's examination as files, and as arrays on one grid once read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gliolabel.errors import UnknownError
from gliolabel.studies.files import LabelFile, VolumeFile
from gliolabel.studies.grid import Grid
from gliolabel.studies.images import CaseImages, LabelImage
from gliolabel.studies.processing import Processing
from gliolabel.studies.reading import CaseReader
from gliolabel.vocabulary import REFERENCE_ORDER, SEQUENCES

__all__ = ["Case", "CaseImages", "LabelFile", "LabelImage", "VolumeFile"]


@dataclass(frozen=True)
class Case:
    """One patient's examination: 1 to 4 sequences and perhaps a label.

    Args:
        id: unique in its study folder; letters, digits, ``.``, ``_`` and ``-`` only.
        sequences: the file of each sequence that there is, by name; at least one.
        label: the label that lies beside the case.
        warnings: what the store noticed when it found the case.
        patient: a text that all cases of the patient have, where their source tells; empty: the id tells, see
            :func:`gliolabel.studies.ids.patient_of`.
        processing: what is done to the images when they are read.
    """

    id: str
    sequences: Mapping[str, VolumeFile] = field(hash=False)
    label: LabelFile | None = None
    warnings: tuple[str, ...] = ()
    patient: str = ""
    processing: Processing = field(default_factory=Processing)

    @property
    def reference(self) -> str:
        """The sequence whose grid everything is returned on: t1ce if present, else flair, t2, t1."""
        return next(s for s in REFERENCE_ORDER if s in self.sequences)

    @property
    def shown(self) -> tuple[str, ...]:
        """The sequences that a reader can be shown, the reference first."""
        return tuple(s for s in REFERENCE_ORDER if s in self.sequences)

    @property
    def missing(self) -> tuple[str, ...]:
        """The sequences the case does not have, in channel order."""
        return tuple(s for s in SEQUENCES if s not in self.sequences)

    def files(self) -> Mapping[str, VolumeFile]:
        """Every image file of the case, by what it is of it."""
        return self.sequences

    def grid(self) -> Grid:
        """The reference grid, from the file's header alone: no voxel is decoded.

        Raises:
            InputError: the reference file cannot be read.
        """
        return self._reader().grid()

    def read(self) -> CaseImages:
        """Read every sequence once and bring it onto the reference grid; process it as :attr:`processing` says.

        Raises:
            InputError: a file is truncated, not an image, 4-D, empty, constant or has NaN; or two sequences do not overlap.
        """
        images = self._reader().images(warnings=self.warnings)
        step = self.processing.step
        if step is None:
            return images
        return step(images, content="\n".join([self.processing.mark, *(file.mark() for file in self.sequences.values())]))

    def read_label(self) -> np.ndarray | None:
        """The label beside the case as uint8 (z, y, x) in our values 0..3 on the reference grid, or None.

        Raises:
            InputError: the file cannot be read, lies elsewhere or holds values outside its numbering.
        """
        label = self.read_label_image()
        return None if label is None else label.array

    def read_label_image(self) -> LabelImage | None:
        """As :meth:`read_label`, with the grid and the warnings (resampled; a tissue read as background)."""
        return None if self.label is None else self._reader().label(self.label)

    def reference_file(self, cache: Path) -> Path:
        """A 3-D file of the reference sequence: the case's own, or a copy in ``cache`` cut out of a 4-D file.

        Args:
            cache: folder for ``<id>_<sequence>.nii.gz``; made when needed. A copy newer than its source is used again.

        Raises:
            InputError: the file cannot be read.
        """
        return self._reader().file_of(self.reference, cache)

    def sequence_file(self, sequence: str, cache: Path) -> Path:
        """As :meth:`reference_file`, of any sequence of the case, on that sequence's own grid.

        Args:
            sequence: its name.
            cache: see :meth:`reference_file`.

        Raises:
            UnknownError: the case has no such sequence.
            InputError: the file cannot be read.
        """
        if sequence == self.reference:
            return self.reference_file(cache)
        if sequence not in self.shown:
            raise UnknownError(f"case {self.id} has no sequence {sequence[:16]!r}. It has: {', '.join(self.shown)}.")
        return self._reader().file_of(sequence, cache)

    def _reader(self) -> CaseReader:
        return CaseReader(self.id, self.sequences, self.reference, self.processing)
