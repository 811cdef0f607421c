"""Bringing a volume onto the reference grid."""

from __future__ import annotations

from typing import Final

import numpy as np
import SimpleITK as sitk

from gliolabel.errors import InputError
from gliolabel.studies.grid import Grid

#: The overlap of two grids is judged on at most this many points along each axis.
_PROBES: Final[int] = 48

#: Below this part of the reference grid, the warning says how much is covered.
_NEARLY_ALL: Final[float] = 0.98


def coverage(of: Grid, by: Grid) -> float:
    """Which part (0 to 1) of the voxels of grid ``of`` lies inside grid ``by``, judged on an even sample of them."""
    axes = [np.unique(np.linspace(0, n - 1, min(n, _PROBES)).round()) for n in of.size]
    points = np.array(np.meshgrid(*axes, [1.0], indexing="ij")).reshape(4, -1)
    inside = (np.linalg.inv(by.affine) @ of.affine @ points)[:3]
    limits = np.array(by.size, dtype=float)[:, None] - 0.5
    return float(((inside >= -0.5) & (inside <= limits)).all(axis=0).mean())


def onto(
    array: np.ndarray, *, of: Grid, grid: Grid, where: str, label: bool = False, transform: sitk.Transform | None = None
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Resample ``array`` from its grid ``of`` onto ``grid``: linear, or nearest neighbour for a label.

    Outside its own grid a sequence takes its smallest value, and a label 0.

    Args:
        array: float32 or uint8 (z, y, x) on ``of``.
        of: the grid of ``array``.
        grid: the grid to bring it onto.
        where: the case and the file, for messages.
        label: whether the values are labels.
        transform: from a place on ``grid`` to the place in ``of`` where the same is seen; None: both lie in one space.

    Returns:
        The array on ``grid`` and the warnings; ``array`` itself and no warning when both grids are the same.

    Raises:
        InputError: the two grids do not overlap.
    """
    if transform is None and of.same_as(grid):
        return array, ()
    covered = coverage(grid, of)
    if transform is None and covered == 0.0 and coverage(of, grid) == 0.0:
        raise InputError(
            f"{where}: lies outside the reference grid ({of} at {_place(of)}, reference {grid} at {_place(grid)} mm LPS), "
            "expected volumes of the same head in the same space, or ones that can be registered (option register)"
        )
    resampler = sitk.ResampleImageFilter()
    resampler.SetSize(grid.size)
    resampler.SetOutputSpacing(grid.spacing)
    resampler.SetOutputOrigin(grid.origin)
    resampler.SetOutputDirection(grid.direction)
    resampler.SetInterpolator(sitk.sitkNearestNeighbor if label else sitk.sitkLinear)
    resampler.SetDefaultPixelValue(0.0 if label else float(array.min()))
    if transform is not None:
        resampler.SetTransform(transform)
    result = sitk.GetArrayFromImage(resampler.Execute(of.image(array)))
    if transform is not None and of.same_as(grid):  # what was moved is said by who moved it
        return result, ()
    part = "" if covered >= _NEARLY_ALL else f"; it covers {covered:.0%} of it"
    return result, (f"{where}: lies on another grid ({of}) and was resampled onto the reference ({grid}){part}",)


def _place(grid: Grid) -> str:
    z, y, x = grid.shape
    centre = grid.position(((z - 1) / 2, (y - 1) / 2, (x - 1) / 2))
    return "(" + ", ".join(f"{c:.0f}" for c in centre) + ")"
