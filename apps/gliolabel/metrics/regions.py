"""The evaluation regions of a mask."""

from __future__ import annotations

import numpy as np

from gliolabel.vocabulary import REGIONS


def region_masks(mask: np.ndarray) -> np.ndarray:
    """Boolean (3, *space) masks of WT, TC, ET from a (*space) mask of labels 0 to 3; other values belong to no region.

    Example:
        >>> region_masks(np.array([0, 1, 2, 3])).astype(int)
        array([[0, 1, 1, 1],
               [0, 1, 0, 1],
               [0, 0, 0, 1]])
    """
    return np.stack([np.isin(mask, values) for values in REGIONS.values()])
