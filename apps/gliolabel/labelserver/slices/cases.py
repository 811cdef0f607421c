"""A patient's slices as one volume, and what counts as tumour in a mask."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gliolabel.errors import InputError
from gliolabel.studies.case import Case
from gliolabel.studies.files import VolumeFile
from gliolabel.studies.grid import Grid
from gliolabel.studies.images import CaseImages, LabelImage
from gliolabel.studies.lgg import LggCase
from gliolabel.studies.numbering import Numbering
from gliolabel.studies.writing import write_volume


class TumourOrNot(Numbering):
    """Any value above 0 is tumour."""

    def to_ours(self, raw: np.ndarray, *, where: str) -> tuple[np.ndarray, tuple[str, ...]]:
        """uint8, 1 where ``raw`` is above 0."""
        return (raw > 0).astype(np.uint8), ()


#: How masks of this app are numbered.
TUMOUR_OR_NOT = TumourOrNot("tumor", "above 0: tumor", {1: 1})


@dataclass(frozen=True)
class StackCase(Case):
    """A case whose volume is stacked from slices, the lowest number first.

    TIFF and PNG files say nothing about where a slice lay. So the volume gets the ``spacing`` it is told, rows run from front to back,
    columns from the patient's right to the left (as radiologists look at axial slices), and higher numbers lie closer to the head.

    Args:
        stack: the slices, under the same id.
        spacing: mm along x, y, z.
    """

    stack: LggCase = field(kw_only=True)
    spacing: tuple[float, float, float] = field(kw_only=True)

    @property
    def reference(self) -> str:
        """What the reader sees and the mask is of."""
        return "flair"

    def files(self) -> Mapping[str, VolumeFile]:
        """Every slice."""
        return {name: VolumeFile(path) for name, path in self.stack.files().items()}

    def grid(self) -> Grid:
        """The volume's grid: the first slice's size, as many slices as there are."""
        z, y, x = self.stack.shape()
        return Grid((x, y, z), self.spacing, (0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0))

    def read(self) -> CaseImages:
        """FLAIR, and with colour slices the sequences before and after contrast.

        Raises:
            InputError: a slice cannot be read, or differs in size or channels from the first.
        """
        return CaseImages(self.id, self.reference, self.grid(), self.stack.read(), self.warnings)

    def read_label_image(self) -> LabelImage | None:
        """The masks beside the slices, 1 tumour, or None when a slice has none."""
        return None if self.label is None else LabelImage(self.stack.read_masks(), self.grid())

    def reference_file(self, cache: Path) -> Path:
        """The stacked FLAIR volume in ``cache``, made when it is not there or a slice has changed."""
        digest = hashlib.sha256(repr(self.spacing).encode())
        for name, path in self.stack.files().items():
            try:
                status = path.stat()
            except OSError as error:
                raise InputError(f"case {self.id}, file {name}: cannot be read ({error.strerror or error}). Was it moved?") from error
            digest.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
        path = cache / f"{self.id}_{digest.hexdigest()[:12]}.nii.gz"
        if not path.is_file():
            cache.mkdir(parents=True, exist_ok=True)
            flair = self.stack.read()["flair"]
            small = flair.astype(np.uint8)
            write_volume(small if np.array_equal(small, flair) else flair, self.grid(), path)
        return path
