"""Scaling to [0, 1] by the smallest and largest value."""

from __future__ import annotations

from typing import Literal

import numpy as np

from gliolabel.preprocessing.steps.extent import axes_of


def min_max(image: np.ndarray, *, per: Literal["volume", "slice"] = "volume") -> np.ndarray:
    """``(v - min) / (max - min)`` for each channel; where all values are equal, 0.

    Args:
        image: (channels, z, y, x).
        per: minimum and maximum of the whole volume, or of each axial slice by itself.

    Returns:
        float32 (channels, z, y, x) in [0, 1].

    Source: report 001, section 3.3.1 (scikit-learn's MinMaxScaler, which gives 0 for a constant column too).

    Example:
        >>> min_max(np.array([[[[2.0, 4.0, 6.0]]]])).tolist()
        [[[[0.0, 0.5, 1.0]]]]
    """
    axes = axes_of(per)
    low, high = image.min(axis=axes, keepdims=True).astype(np.float64), image.max(axis=axes, keepdims=True).astype(np.float64)
    span = high - low
    return ((image - low) / np.where(span > 0, span, 1.0)).astype(np.float32)
