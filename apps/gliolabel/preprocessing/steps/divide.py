"""Scaling by a constant or by the largest value."""

from __future__ import annotations

from typing import Literal

import numpy as np

from gliolabel.preprocessing.steps.extent import axes_of


def divide(image: np.ndarray, *, by: float) -> np.ndarray:
    """``v / by`` as float32 in the shape of ``image``.

    Source: report 004 divides 8-bit images by 255.
    """
    return (image / np.float64(by)).astype(np.float32)


def divide_by_max(image: np.ndarray, *, per: Literal["volume", "slice"] = "slice", channels_together: bool = False) -> np.ndarray:
    """``v / max`` where the largest value is above 0, else unchanged.

    Args:
        image: (channels, z, y, x).
        per: the largest value of the whole volume, or of each axial slice by itself.
        channels_together: one largest value for all channels instead of one each.

    Returns:
        float32 (channels, z, y, x).

    Source: report 003 (its run: each slice and sequence by its maximum if that is above 0); report 002 (tutorial: the whole scan).

    Example:
        >>> divide_by_max(np.array([[[[1.0, 4.0]], [[0.0, 0.0]]]])).tolist()
        [[[[0.25, 1.0]], [[0.0, 0.0]]]]
    """
    axes = axes_of(per)
    highest = image.max(axis=(0, *axes) if channels_together else axes, keepdims=True).astype(np.float64)
    return (image / np.where(highest > 0, highest, 1.0)).astype(np.float32)
