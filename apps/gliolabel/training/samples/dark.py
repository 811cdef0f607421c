"""Which slices are nearly black."""

from __future__ import annotations

import numpy as np


def lit_shares(image: np.ndarray) -> np.ndarray:
    """Share of pixels of each slice that are above 0 in every channel.

    In every, not in any: one channel of the LGG set often has a background of 1 instead of 0, by which no slice would be dark.

    Args:
        image: (channels, z, y, x) as read from the files, before any preprocessing.

    Returns:
        float64 (z,), 0 for a black slice.

    Source: report 000, section 3.2 ("a disproportionately low number of non-black pixels"; the threshold is not given).

    Example:
        >>> lit_shares(np.array([[[[1, 0]], [[1, 1]]], [[[1, 1]], [[2, 3]]]])).tolist()
        [0.5, 1.0]
    """
    return (image > 0).all(axis=0).mean(axis=(1, 2), dtype=np.float64)
