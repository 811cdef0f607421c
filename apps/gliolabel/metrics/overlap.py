"""Overlap of masks."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def dice(prediction: ArrayLike, target: ArrayLike, *, threshold: float = 0.5, empty: float = 1.0) -> np.ndarray:
    """Hard Dice coefficient of each channel: ``2 |X and Y| / (|X| + |Y|)``.

    Args:
        prediction: (channels, *space), probabilities or masks.
        target: (channels, *space), the truth as 0 and 1.
        threshold: a voxel is predicted above this probability.
        empty: score of a channel that is empty in both: the prediction is right, hence 1.

    Returns:
        float64 (channels,).

    Raises:
        ValueError: the shapes differ.

    Example:
        >>> dice([[1.0, 1.0, 0.0]], [[1.0, 0.0, 0.0]])
        array([0.66666667])
    """
    predicted, truth = np.asarray(prediction) > threshold, np.asarray(target) > 0.5
    if predicted.shape != truth.shape or predicted.ndim < 2:
        raise ValueError(f"prediction has shape {predicted.shape}, target {truth.shape}; expected the same (channels, *space)")
    predicted, truth = predicted.reshape(len(predicted), -1), truth.reshape(len(truth), -1)
    total = (predicted.sum(axis=1) + truth.sum(axis=1)).astype(np.float64)
    overlap = 2.0 * (predicted & truth).sum(axis=1)
    return np.divide(overlap, total, out=np.full(len(total), empty), where=total > 0)


def soft_dice(prediction: ArrayLike, target: ArrayLike, *, smooth: float = 0.0, empty: float = 1.0) -> np.ndarray:
    """Soft Dice coefficient of each channel: ``(2 sum(p t) + smooth) / (sum(p) + sum(t) + smooth)``, without a threshold.

    The mean over channels, with or without the first, is report 001's metric; with (channels, batch, *space) and smooth 100 it is report
    003's, over a whole batch.

    Args:
        prediction: (channels, *space), probabilities.
        target: (channels, *space), the truth as 0 and 1.
        smooth: added above and below, in voxels, 0 or more.
        empty: score of a channel that is exactly empty in both, when ``smooth`` is 0.

    Returns:
        float64 (channels,).

    Raises:
        ValueError: the shapes differ, or ``smooth`` is negative.

    Source: report 001, equation 1; report 003, equation 1 with the smoothing of its run.

    Example:
        >>> soft_dice([[0.5, 0.5, 0.0]], [[1.0, 0.0, 0.0]])
        array([0.5])
    """
    predicted, truth = np.asarray(prediction, dtype=np.float64), np.asarray(target, dtype=np.float64)
    if predicted.shape != truth.shape or predicted.ndim < 2:
        raise ValueError(f"prediction has shape {predicted.shape}, target {truth.shape}; expected the same (channels, *space)")
    if smooth < 0:
        raise ValueError(f"smooth is {smooth}; expected 0 or more")
    predicted, truth = predicted.reshape(len(predicted), -1), truth.reshape(len(truth), -1)
    above = 2.0 * (predicted * truth).sum(axis=1) + smooth
    below = predicted.sum(axis=1) + truth.sum(axis=1) + smooth
    return np.divide(above, below, out=np.full(len(below), empty), where=below > 0)
