"""Turning an array so that its axes run along the patient's, and back. Only permutes and flips: no voxel is interpolated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np


@dataclass(frozen=True)
class Turn:
    """A permutation and flips of the last three array axes.

    Args:
        order: for each patient axis (z, y, x), which array axis runs along it.
        flips: patient axes (0 = z, 1 = y, 2 = x) that run backwards after the permutation.
    """

    order: tuple[int, int, int]
    flips: tuple[int, ...]

    def apply(self, array: np.ndarray) -> np.ndarray:
        """The (..., z, y, x) array with its axes along the patient's superior, posterior and left."""
        lead = array.ndim - 3
        turned = array.transpose(*range(lead), *(lead + axis for axis in self.order))
        return np.flip(turned, axis=tuple(lead + axis for axis in self.flips))

    def undo(self, array: np.ndarray) -> np.ndarray:
        """The inverse of :meth:`apply`."""
        lead = array.ndim - 3
        flipped = np.flip(array, axis=tuple(lead + axis for axis in self.flips))
        return flipped.transpose(*range(lead), *(lead + int(axis) for axis in np.argsort(self.order)))


def turn_to_lps(direction: Sequence[float]) -> Turn:
    """The turn that brings an array with these direction cosines closest to left-posterior-superior.

    Args:
        direction: 3 x 3 direction cosines, row-major, as SimpleITK gives them: column j is the LPS direction of array
            axis x, y, z for j = 0, 1, 2.
    """
    cosines = np.asarray(direction, dtype=float).reshape(3, 3)
    # Of the six ways to pair image axes with patient axes, the one with the largest total alignment: picking the largest
    # cosine axis by axis would give the same image axis twice on a volume turned by 45 degrees.
    best = max(permutations(range(3)), key=lambda p: sum(abs(cosines[patient, p[patient]]) for patient in range(3)))
    # Patient axes in array order are z, y, x = LPS components 2, 1, 0; array axis of image axis j is 2 - j.
    order = tuple(2 - best[patient] for patient in (2, 1, 0))
    flips = tuple(2 - patient for patient in (2, 1, 0) if cosines[patient, best[patient]] < 0)
    return Turn(order=(order[0], order[1], order[2]), flips=flips)
