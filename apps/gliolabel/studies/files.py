"""Files on disk that hold one volume: which formats are read, and what a case keeps of each file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gliolabel.studies.numbering import Numbering

#: Formats that are read, the preferred first: it decides when one volume lies there in two formats.
EXTENSIONS: Final[tuple[str, ...]] = (".nii.gz", ".nii", ".nrrd", ".mha")


def split_extension(name: str) -> tuple[str, str] | None:
    """``"a.b_t1.NII.gz"`` -> ``("a.b_t1", ".nii.gz")``; None when the file is of no format that is read."""
    lower = name.lower()
    for extension in EXTENSIONS:
        if lower.endswith(extension) and len(name) > len(extension):
            return name[: -len(extension)], extension
    return None


@dataclass(frozen=True)
class VolumeFile:
    """One 3-D volume on disk: a file, or one component of a 4-D file (MSD).

    Args:
        path: the file.
        component: position along the fourth axis, from 0; None for a 3-D file.
    """

    path: Path
    component: int | None = None

    @property
    def extension(self) -> str:
        """The extension of a file that holds this volume alone."""
        return ".nii.gz" if self.component is not None else (split_extension(self.path.name) or ("", ".nii.gz"))[1]

    def mark(self) -> str:
        """Another text when the volume was replaced.

        Raises:
            OSError: the file is gone.
        """
        status = self.path.stat()
        return f"{self.path}\0{self.component}\0{status.st_size}\0{status.st_mtime_ns}"


@dataclass(frozen=True)
class LabelFile:
    """A label that lies beside the case, and how its values are numbered."""

    path: Path
    numbering: Numbering
