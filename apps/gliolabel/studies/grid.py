"""The voxel grid of a volume: size, spacing, origin and direction, in SimpleITK's conventions (mm, LPS)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

#: Corners of two grids may differ by this much (mm) and still be called the same: NIfTI stores float32.
SAME_GRID_TOLERANCE_MM = 1e-2


@dataclass(frozen=True)
class Grid:
    """Where the voxels of a volume lie.

    Args:
        size: number of voxels along x, y, z.
        spacing: voxel edge lengths in mm along x, y, z.
        origin: LPS position in mm of the centre of voxel (0, 0, 0).
        direction: direction cosines, 3 x 3, row-major.

    Arrays on the grid have the shape :attr:`shape`, that is (z, y, x), as SimpleITK gives them.
    """

    size: tuple[int, int, int]
    spacing: tuple[float, float, float]
    origin: tuple[float, float, float]
    direction: tuple[float, ...]

    @classmethod
    def of(cls, image: sitk.Image) -> Grid:
        """The grid of a 3-D SimpleITK image."""
        return cls(image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection())

    @property
    def shape(self) -> tuple[int, int, int]:
        """Array shape (z, y, x)."""
        x, y, z = self.size
        return z, y, x

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel in mL."""
        return float(np.prod(self.spacing)) / 1000.0

    @property
    def affine(self) -> np.ndarray:
        """4 x 4 matrix from voxel index (x, y, z) to LPS position in mm."""
        matrix = np.eye(4)
        matrix[:3, :3] = np.asarray(self.direction).reshape(3, 3) * np.asarray(self.spacing)
        matrix[:3, 3] = self.origin
        return matrix

    def position(self, index_zyx: tuple[float, ...]) -> tuple[float, float, float]:
        """LPS position in mm of an array index (z, y, x)."""
        z, y, x = index_zyx
        px, py, pz = (self.affine @ np.array([x, y, z, 1.0]))[:3]
        return float(px), float(py), float(pz)

    def same_as(self, other: Grid, *, tolerance_mm: float = SAME_GRID_TOLERANCE_MM) -> bool:
        """Whether both grids have the same size and their corners lie within ``tolerance_mm`` of each other."""
        if self.size != other.size:
            return False
        corners = np.array(np.meshgrid(*[(0, n - 1) for n in self.size], [1.0])).reshape(4, -1)
        return bool(np.abs(self.affine @ corners - other.affine @ corners).max() <= tolerance_mm)

    def image(self, array: np.ndarray) -> sitk.Image:
        """A SimpleITK image of ``array`` (z, y, x) on this grid.

        Raises:
            ValueError: ``array`` does not have the grid's shape.
        """
        if array.shape != self.shape:
            raise ValueError(f"array of shape {array.shape} on a grid of shape {self.shape}")
        image = sitk.GetImageFromArray(np.ascontiguousarray(array))
        image.SetSpacing(self.spacing)
        image.SetOrigin(self.origin)
        image.SetDirection(self.direction)
        return image

    def __str__(self) -> str:
        spacing = " x ".join(f"{s:g}" for s in self.spacing)
        return f"{' x '.join(map(str, self.size))} voxels of {spacing} mm"
