"""The 1 mm grid of the networks, and volumes brought onto it."""

from __future__ import annotations

from typing import Final

import numpy as np
import SimpleITK as sitk

from gliolabel.studies.grid import Grid

#: Voxel edge in mm on which the networks were trained.
SPACING_MM: Final = 1.0

#: A spacing within this share of 1 mm is left alone: resampling would blur more than it corrects.
SPACING_TOLERANCE: Final = 0.05


def working_grid(grid: Grid) -> Grid:
    """The grid of 1 mm over the same box; ``grid`` itself where its voxels have 1 mm already."""
    if all(abs(s - SPACING_MM) <= SPACING_TOLERANCE for s in grid.spacing):
        return grid
    size = tuple(max(1, round(n * s / SPACING_MM)) for n, s in zip(grid.size, grid.spacing, strict=True))
    # Both grids cover the same box: outer faces, not the centres of the first voxels, coincide.
    shift = np.array([(SPACING_MM - s) / 2 for s in grid.spacing])
    origin = np.asarray(grid.origin) + np.asarray(grid.direction).reshape(3, 3) @ shift
    return Grid(
        size=(size[0], size[1], size[2]),
        spacing=(SPACING_MM,) * 3,
        origin=(float(origin[0]), float(origin[1]), float(origin[2])),
        direction=grid.direction,
    )


def resampled(volume: np.ndarray, source: Grid, target: Grid, *, outside: float, nearest: bool = False) -> np.ndarray:
    """A volume on another grid: linear, or nearest neighbour.

    Args:
        volume: (z, y, x) on ``source``.
        source: its grid.
        target: the grid it is brought onto.
        outside: the value where ``source`` does not reach.
        nearest: take the nearest voxel: for labels.
    """
    image = source.image(volume)
    if not nearest:
        # Sampling every second voxel of a fine grid would alias: blur along the axes that get coarser.
        sigma = [0.4 * t if t > 1.25 * s else 0.0 for s, t in zip(source.spacing, target.spacing, strict=True)]
        for axis, value in enumerate(sigma):
            if value:
                image = sitk.RecursiveGaussian(image, value, False, sitk.RecursiveGaussianImageFilter.ZeroOrder, axis)
    resampler = sitk.ResampleImageFilter()
    resampler.SetReferenceImage(target.image(np.zeros(target.shape, dtype=np.uint8)))
    resampler.SetInterpolator(sitk.sitkNearestNeighbor if nearest else sitk.sitkLinear)
    resampler.SetDefaultPixelValue(outside)
    # The outer half voxels of a finer grid lie beyond the coarse grid's centres: continue the edge instead of the background.
    resampler.SetUseNearestNeighborExtrapolator(True)
    return sitk.GetArrayFromImage(resampler.Execute(image))
