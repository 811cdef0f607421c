"""Voxel-wise uncertainty from Monte-Carlo samples of region probabilities.

Every function takes ``samples`` of shape (passes, regions, *space), probabilities in [0, 1], and returns a float32 array of
shape (regions, *space). Regions are binary questions of their own (is this voxel whole tumour?), so entropies are binary and
divided by log 2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def std_map(samples: ArrayLike) -> np.ndarray:
    """Population standard deviation over the passes, 0 to 0.5 (report 003, Monte-Carlo dropout).

    Example:
        >>> float(std_map([[[0.0]], [[1.0]]])[0, 0])
        0.5
    """
    return _samples(samples).std(axis=0, ddof=0).astype(np.float32)


def entropy_map(samples: ArrayLike) -> np.ndarray:
    """Entropy of the mean probability, 0 to 1: all the doubt, whatever its source."""
    return binary_entropy(_samples(samples).mean(axis=0)).astype(np.float32)


def mutual_information_map(samples: ArrayLike) -> np.ndarray:
    """Entropy of the mean less the mean entropy, 0 to 1: the passes' disagreement (BALD). Clamped at 0."""
    values = _samples(samples)
    return np.maximum(binary_entropy(values.mean(axis=0)) - binary_entropy(values).mean(axis=0), 0).astype(np.float32)


def expected_error_map(mean: ArrayLike, masks: ArrayLike) -> np.ndarray:
    """Probability that a mask is wrong, voxel by voxel: its sum over a place is the number of voxels expected wrong there.

    Args:
        mean: (regions, *space), mean probability of each region over the passes, 0 to 1.
        masks: (regions, *space), the masks that are judged, as 0 and 1.

    Returns:
        float32 (regions, *space), 0 to 1. High where the passes are of another opinion than the mask, 0.5 where they cannot decide.

    Example:
        >>> expected_error_map([[0.9, 0.9, 0.5]], [[1, 0, 0]]).round(2).tolist()
        [[0.10000000149011612, 0.8999999761581421, 0.5]]
    """
    return np.abs(np.asarray(mean, dtype=np.float32) - np.asarray(masks, dtype=np.float32)).clip(0, 1)


def case_map(by_region: np.ndarray) -> np.ndarray:
    """The case's map: the maximum over the regions.

    Args:
        by_region: (regions, *space).

    Returns:
        (*space).
    """
    return by_region.max(axis=0)


def binary_entropy(probability: np.ndarray) -> np.ndarray:
    """Entropy of a yes-or-no question in bits; 0 where the answer is certain."""
    p = np.clip(probability, 0.0, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        bits = -(p * np.log2(p) + (1 - p) * np.log2(1 - p))
    return np.where((p > 0) & (p < 1), bits, 0.0)


def _samples(samples: ArrayLike) -> np.ndarray:
    values = np.asarray(samples, dtype=np.float64)
    if values.ndim < 3 or values.shape[0] == 0:
        raise ValueError(f"samples have shape {values.shape}; expected (passes, regions, *space) with at least one pass")
    return values
