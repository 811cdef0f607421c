"""The voxels of a volume file, decoded once and checked to be all there.

ITK fills the missing end of a truncated NIfTI file with zeros and says nothing, returns garbage where the voxels of a .mha file cannot be
decompressed, and asks for as much memory as a header promises. So voxels are taken from the decompressed stream itself: its length and
checksum tell whether the file is whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gliolabel.studies.headers import Header, open_volume


@dataclass(frozen=True)
class Volume:
    """A volume file, read.

    Args:
        array: the file's values, (z, y, x) or (component, z, y, x), in the file's number type unless it scales them.
        header: its geometry and what had to be repaired.
    """

    array: np.ndarray
    header: Header


def read_volume(path: Path, *, where: str) -> Volume:
    """Read a volume file whole.

    Args:
        path: a .nii, .nii.gz, .nrrd or .mha file.
        where: the case and the file, for messages.

    Raises:
        InputError: the file is missing, empty, no image, truncated or damaged.
    """
    opened = open_volume(path, where=where)
    array = opened.stored.read(path, where=where)
    if opened.slope is not None:
        with np.errstate(over="ignore", invalid="ignore"):  # whoever reads the voxels as an image looks for infinite ones
            array = array.astype(np.float32) * np.float32(opened.slope) + np.float32(opened.intercept)
    return Volume(array.reshape(tuple(reversed(opened.header.grid.size + opened.header.extra))), opened.header)
