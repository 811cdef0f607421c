"""Zeros around an image."""

from __future__ import annotations

import numpy as np


def margins(shape: tuple[int, ...], size: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Rows before and after, columns before and after, that bring (..., y, x) to at least ``size``; an odd one comes after."""
    missing = [max(0, wanted - have) for have, wanted in zip(shape[-2:], size, strict=True)]
    return (missing[0] // 2, missing[0] - missing[0] // 2), (missing[1] // 2, missing[1] - missing[1] // 2)


def pad(array: np.ndarray, *, size: tuple[int, int]) -> np.ndarray:
    """Zeros around the centre of the last two axes to at least this size; a larger array stays as it is.

    Args:
        array: (..., y, x).
        size: height and width.

    Example:
        >>> pad(np.ones((1, 2)), size=(1, 5)).tolist()
        [[0.0, 1.0, 1.0, 0.0, 0.0]]
    """
    rows, columns = margins(array.shape, size)
    return np.pad(array, [(0, 0)] * (array.ndim - 2) + [rows, columns])
