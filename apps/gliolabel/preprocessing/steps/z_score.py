"""Zero mean and unit variance."""

from __future__ import annotations

from typing import Literal

import numpy as np

from gliolabel.preprocessing.steps.extent import axes_of


def z_score(image: np.ndarray, *, per: Literal["volume", "slice"]) -> np.ndarray:
    """``(v - mean) / std`` for each channel, with the population standard deviation; where all values are equal, 0.

    Args:
        image: (channels, z, y, x).
        per: statistics of the whole volume, or of each axial slice by itself: of what one sample is.

    Returns:
        float32 (channels, z, y, x).

    Source: report 000, section 3.2 ("zero mean and unit variance"; of what is a choice).

    Example:
        >>> z_score(np.array([[[[1.0, 3.0]]]]), per="slice").tolist()
        [[[[-1.0, 1.0]]]]
    """
    axes = axes_of(per)
    values = image.astype(np.float64)
    # A constant channel's mean may miss its value by rounding, and its standard deviation then is not 0.
    constant = image.min(axis=axes, keepdims=True) == image.max(axis=axes, keepdims=True)
    spread = np.where(constant, 1.0, values.std(axis=axes, keepdims=True))
    return np.where(constant, 0.0, (values - values.mean(axis=axes, keepdims=True)) / spread).astype(np.float32)
