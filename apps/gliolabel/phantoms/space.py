"""Where a phantom's voxels lie, in anatomical millimetres."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from gliolabel.studies.grid import Grid

#: Field of view in mm along z, y, x: that of BraTS (155 x 240 x 240 voxels of 1 mm).
FIELD_MM: Final[tuple[float, float, float]] = (155.0, 240.0, 240.0)

#: Where the middle of the brain lies, as a part of the field of view (z, y, x).
_MIDDLE: Final[tuple[float, float, float]] = (0.49, 0.52, 0.5)


@dataclass(frozen=True)
class Space:
    """Anatomical coordinates of the voxels of an axis-aligned array, in mm from the middle of the brain.

    Args:
        z: coordinate of each slice, upwards.
        y: of each row, towards the back.
        x: of each column, towards the patient's left.
    """

    z: np.ndarray
    y: np.ndarray
    x: np.ndarray

    @classmethod
    def of_shape(cls, shape: tuple[int, int, int]) -> Space:
        """The whole field of view in ``shape`` voxels (z, y, x)."""
        axes = [
            ((np.arange(n) + 0.5) / n * field - middle * field).astype(np.float32)
            for n, field, middle in zip(shape, FIELD_MM, _MIDDLE, strict=True)
        ]
        return cls(*axes)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Array shape (z, y, x)."""
        return len(self.z), len(self.y), len(self.x)

    @cached_property
    def spacing(self) -> tuple[float, float, float]:
        """Distance of neighbouring voxels in mm along z, y, x."""
        return tuple(float(axis[1] - axis[0]) for axis in (self.z, self.y, self.x))  # type: ignore[return-value]

    @cached_property
    def points(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The coordinates as float32 arrays that broadcast to :attr:`shape`: z, y, x."""
        return self.z[:, None, None], self.y[None, :, None], self.x[None, None, :]

    def box(self, limits: tuple[float, float, float]) -> tuple[slice, slice, slice]:
        """The part within ``limits`` mm of the middle along z, y, x."""
        slices = []
        for axis, limit in zip((self.z, self.y, self.x), limits, strict=True):
            inside = np.flatnonzero(np.abs(axis) <= limit)
            slices.append(slice(int(inside[0]), int(inside[-1]) + 1))
        return slices[0], slices[1], slices[2]

    def part(self, box: tuple[slice, slice, slice]) -> Space:
        """The coordinates of a part of the array."""
        return Space(self.z[box[0]], self.y[box[1]], self.x[box[2]])


def grid_of(shape: tuple[int, int, int]) -> Grid:
    """The grid of a phantom of ``shape`` voxels (z, y, x): BraTS's field of view, LPS axes and origin."""
    z, y, x = (field / n for field, n in zip(FIELD_MM, shape, strict=True))
    return Grid(
        size=(shape[2], shape[1], shape[0]),
        spacing=(x, y, z),
        origin=(0.0, -239.0, 0.0),
        direction=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0),
    )
