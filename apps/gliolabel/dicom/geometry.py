"""Where the slices of a stack lie: their order and their grid, or why they are no volume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from gliolabel.errors import InputError
from gliolabel.studies.grid import Grid

#: Slices whose orientations differ by more than this (largest difference of a direction cosine) are mixed.
_SAME_DIRECTION: Final = 1e-3
#: A slice may lie so far from its place in an even stack: this part of the distance between slices, and this many mm at the most.
_UNEVEN_SHARE: Final = 0.1
_UNEVEN_MM: Final = 0.5
#: A stack may lean so far (mm at its last slice) before its right-angled grid would be wrong.
_LEANING_MM: Final = 1.0
#: Two slices closer than this (mm) are at the same place.
_SAME_PLACE_MM: Final = 1e-3


@dataclass(frozen=True, slots=True)
class Slice:
    """Where a slice lies.

    Args:
        position: LPS position in mm of the centre of its first voxel.
        orientation: direction cosines of increasing column and of increasing row number.
        spacing: mm between rows, and between columns.
        size: rows, columns.
    """

    position: tuple[float, float, float]
    orientation: tuple[float, ...]
    spacing: tuple[float, float]
    size: tuple[int, int]


def stack(slices: Sequence[Slice], *, where: str) -> tuple[list[int], Grid]:
    """Put slices in order along their normal.

    Args:
        slices: in any order.
        where: the case and the series, for messages.

    Returns:
        The positions of the slices in ``slices``, the first of the volume first, and the volume's grid.

    Raises:
        InputError: sizes or orientations are mixed, slices lie at the same place, some are missing, or the stack leans.
    """
    first = slices[0]
    if any(one.size != first.size or not np.allclose(one.spacing, first.spacing, rtol=1e-3) for one in slices):
        raise InputError(f"{where}: its slices differ in size or voxel spacing, expected one stack")
    orientations = np.array([one.orientation for one in slices])
    if np.abs(orientations - orientations[0]).max() > _SAME_DIRECTION:
        raise InputError(f"{where}: its slices have mixed orientations, expected one stack of parallel slices")
    direction = _directions(orientations.mean(axis=0), where=where)
    positions = np.array([one.position for one in slices])
    heights = positions @ direction[:, 2]
    order = np.argsort(heights, kind="stable")
    steps = np.diff(heights[order])
    if len(slices) < 2:
        raise InputError(f"{where}: has a single slice, expected a stack")
    same = int((steps < _SAME_PLACE_MM).sum())
    if same:
        raise InputError(f"{where}: {same} of its {len(slices)} slices lie where another does (a time series, or several kinds of image)")
    step = float(heights[order][-1] - heights[order][0]) / (len(slices) - 1)
    _check_even(heights[order], steps, where=where)
    ideal = positions[order[0]] + np.outer(np.arange(len(slices)) * step, direction[:, 2])
    across = positions[order] - ideal
    leaning = float(np.linalg.norm(across - np.outer(across @ direction[:, 2], direction[:, 2]), axis=1).max())
    if leaning > _LEANING_MM:
        raise InputError(
            f"{where}: its slices are shifted sideways by up to {leaning:.1f} mm (a leaning stack), which no grid with right angles has"
        )
    x, y, z = (float(value) for value in positions[order[0]])
    grid = Grid(
        size=(first.size[1], first.size[0], len(slices)),
        spacing=(first.spacing[1], first.spacing[0], step),
        origin=(x, y, z),
        direction=tuple(direction.ravel().tolist()),
    )
    return order.tolist(), grid


def _directions(orientation: np.ndarray, *, where: str) -> np.ndarray:
    """3 x 3: along columns, rows, slices; orthonormal, since scanners round."""
    row, column = orientation.reshape(2, 3)
    matrix = np.stack([row, column, np.cross(row, column)], axis=1)
    if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix) - 1.0) > 0.01 or abs(row @ column) > 0.01:
        raise InputError(f"{where}: its image orientation is {np.round(orientation, 4).tolist()}, expected two directions at a right angle")
    if np.abs(matrix.T @ matrix - np.eye(3)).max() < 1e-12:
        return matrix
    left, _, right = np.linalg.svd(matrix)
    nearest: np.ndarray = left @ right
    return nearest


def _check_even(heights: np.ndarray, steps: np.ndarray, *, where: str) -> None:
    usual = float(np.median(steps))
    limit = min(_UNEVEN_SHARE * usual, _UNEVEN_MM)
    ideal = np.linspace(heights[0], heights[-1], len(heights))
    if np.abs(heights - ideal).max() <= limit:
        return
    wide = int(np.argmax(steps))
    missing = round(float(steps[wide]) / usual) - 1
    if missing >= 1:
        raise InputError(
            f"{where}: slices are missing: between slice {wide + 1} and the next there are {steps[wide]:.2f} mm, elsewhere {usual:.2f} mm. "
            "Send the series again, whole"
        )
    raise InputError(
        f"{where}: its slices are spaced unevenly ({steps.min():.2f} to {steps.max():.2f} mm), expected the same distance throughout"
    )
