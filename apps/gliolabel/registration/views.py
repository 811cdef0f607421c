"""A volume as registration looks at it: small, smooth, and cut to the head."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import SimpleITK as sitk

from gliolabel.studies.background import Foreground, foreground
from gliolabel.studies.grid import Grid

#: Edge of its voxels (mm), unless the volume's own are larger along every axis.
VIEW_MM: Final = 1.5
#: ... or there would be more voxels than this: then the head is not as large as its header says.
_MOST_VOXELS: Final = 5_000_000
#: Kept around the head (mm): where a head that moved may lie.
_MARGIN_MM: Final = 10.0
#: Smoothing (standard deviation) along axes that get coarser, in parts of the new edge.
_SMOOTHING: Final = 0.5


@dataclass(frozen=True)
class View:
    """A volume, made small.

    Args:
        image: float32, cubic voxels along the volume's own axes.
        head: what of the volume is not air.
    """

    image: sitk.Image
    head: Foreground

    def mask(self) -> sitk.Image:
        """The head and two voxels around it, uint8, on the grid of :attr:`image`."""
        image = sitk.Resample(
            self.head.grid.image(self.head.mask.astype(np.uint8)), self.image, sitk.Transform(), sitk.sitkNearestNeighbor, 0
        )
        return sitk.BinaryDilate(image, [2, 2, 2])


def view(array: np.ndarray, grid: Grid, head: Foreground | None = None) -> View:
    """Make a volume small.

    Args:
        array: (z, y, x), any numeric type.
        grid: its grid.
        head: its foreground, if it is known.

    Raises:
        RuntimeError: it has fewer than four voxels along an axis.
    """
    head = foreground(array, grid) if head is None else head
    image = _cut(array, grid, head)
    lengths = [n * s for n, s in zip(image.GetSize(), image.GetSpacing(), strict=True)]
    edge = max(VIEW_MM, min(grid.spacing), (math.prod(lengths) / _MOST_VOXELS) ** (1 / 3))
    for axis, spacing in enumerate(image.GetSpacing()):
        if edge > 1.25 * spacing:
            image = sitk.RecursiveGaussian(image, _SMOOTHING * edge, False, sitk.RecursiveGaussianImageFilter.ZeroOrder, axis)
    size = [max(1, math.ceil(length / edge)) for length in lengths]
    origin = np.array(image.GetOrigin()) + np.array(image.GetDirection()).reshape(3, 3) @ ((edge - np.array(image.GetSpacing())) / 2)
    resampler = sitk.ResampleImageFilter()
    resampler.SetSize(size)
    resampler.SetOutputSpacing([edge] * 3)
    resampler.SetOutputOrigin(origin.tolist())
    resampler.SetOutputDirection(image.GetDirection())
    resampler.SetInterpolator(sitk.sitkLinear)
    # Half a voxel at the rim lies beyond the centres of a coarse grid.
    resampler.SetUseNearestNeighborExtrapolator(True)
    return View(resampler.Execute(image), head)


def _cut(array: np.ndarray, grid: Grid, head: Foreground) -> sitk.Image:
    """The part of a volume that holds its head, float32."""
    spans = []
    for axis in range(3):
        seen = np.flatnonzero(head.mask.any(axis=tuple(other for other in range(3) if other != axis)))
        image_axis = 2 - axis
        step = round(head.grid.spacing[image_axis] / grid.spacing[image_axis])
        margin = math.ceil(_MARGIN_MM / grid.spacing[image_axis])
        low, high = (int(seen[0]), int(seen[-1])) if len(seen) else (0, head.mask.shape[axis] - 1)
        spans.append((max(0, low * step - margin), min(array.shape[axis], (high + 1) * step + margin)))
    part = np.ascontiguousarray(array[tuple(slice(low, high) for low, high in spans)], dtype=np.float32)
    z, y, x = part.shape
    corner = grid.position(tuple(float(low) for low, _ in spans))
    return Grid((x, y, z), grid.spacing, corner, grid.direction).image(part)
