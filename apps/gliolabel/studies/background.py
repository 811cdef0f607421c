"""The air around a head: its value, and what of a volume is not air."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import ndimage

from gliolabel.studies.grid import Grid

#: The largest brain (litres, with the fluid around it) that is taken for one. Adults have 0.9 to 1.9 litres inside the skull; a head that
#: was scanned for a tumour fills 2.5 litres or more.
LARGEST_BRAIN_L: Final = 2.2

#: Where the air is noise, what is brighter than this part of the way from the darkest to the bright tissues is not air.
_ABOVE_AIR: Final = 0.12
#: Whole heads are looked at in steps of about so many mm.
_STEP_MM: Final = 3.0


def background_value(volume: np.ndarray) -> float:
    """The value of the air around the head: the most frequent value on the volume's faces, if it fills half of them, else 0.

    Args:
        volume: (z, y, x), any numeric type.
    """
    return _on_faces(volume)[0]


@dataclass(frozen=True)
class Foreground:
    """What of a volume is not air.

    Args:
        mask: boolean (z, y, x): the brain where it was extracted, else the head, filled.
        grid: the grid of ``mask``, coarser than the volume's where this is a whole head.
        stripped: the air is one value, and what is left has the size of a brain.
        litres: the volume of what is left.
    """

    mask: np.ndarray
    grid: Grid
    stripped: bool
    litres: float

    @property
    def centre(self) -> tuple[float, float, float]:
        """Its centre of mass, LPS in mm.

        Raises:
            ValueError: there is nothing but air.
        """
        profiles = [self.mask.sum(axis=tuple(other for other in range(3) if other != axis)) for axis in range(3)]
        if not profiles[0].any():
            raise ValueError("nothing but air")
        return self.grid.position(tuple(float(np.average(np.arange(len(p)), weights=p)) for p in profiles))


def foreground(volume: np.ndarray, grid: Grid) -> Foreground:
    """What of a volume is not air.

    Args:
        volume: (z, y, x), any numeric type.
        grid: its grid.
    """
    air, uniform = _on_faces(volume)
    mask = volume != air
    litres = float(np.count_nonzero(mask)) * grid.voxel_ml / 1000.0
    if uniform and litres <= LARGEST_BRAIN_L:
        return Foreground(mask, grid, True, litres)
    small, coarse = _thinned(volume, grid)
    low, high = np.percentile(small, (2, 98))
    head = ndimage.binary_opening(small > low + _ABOVE_AIR * (high - low))
    labels, count = ndimage.label(head)
    if count > 1:
        head = labels == int(np.bincount(labels.ravel())[1:].argmax()) + 1
    head = ndimage.binary_fill_holes(head)
    return Foreground(head, coarse, False, float(np.count_nonzero(head)) * coarse.voxel_ml / 1000.0)


def _on_faces(volume: np.ndarray) -> tuple[float, bool]:
    """The most frequent value on the volume's faces (0 when none fills half of them), and whether one fills half."""
    faces = np.concatenate(
        [volume[[0, -1]].ravel(), volume[:, [0, -1]].ravel(), volume[:, :, [0, -1]].ravel()],
    )
    values, counts = np.unique(faces, return_counts=True)
    most = int(counts.argmax())
    uniform = bool(counts[most] * 2 >= faces.size)
    return (float(values[most]) if uniform else 0.0), uniform


def _thinned(volume: np.ndarray, grid: Grid) -> tuple[np.ndarray, Grid]:
    """Every n-th voxel of a volume, so that they lie about 3 mm apart."""
    steps = [max(1, round(_STEP_MM / spacing)) for spacing in grid.spacing]
    small = volume[:: steps[2], :: steps[1], :: steps[0]]
    z, y, x = small.shape
    sx, sy, sz = (spacing * step for spacing, step in zip(grid.spacing, steps, strict=True))
    return small, Grid((x, y, z), (sx, sy, sz), grid.origin, grid.direction)
