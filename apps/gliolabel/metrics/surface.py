"""Distances between surfaces."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from monai.metrics import compute_hausdorff_distance
from numpy.typing import ArrayLike


def hausdorff95(prediction: ArrayLike, target: ArrayLike, *, spacing: Sequence[float], threshold: float = 0.5) -> np.ndarray:
    """Symmetric 95th percentile of the surface distances of each channel, in mm.

    MONAI's ``compute_hausdorff_distance`` on the part of the volume that holds the masks.

    Args:
        prediction: (channels, *space), probabilities or masks.
        target: (channels, *space), the truth as 0 and 1.
        spacing: voxel edges in mm, one for each spatial axis in array order.
        threshold: a voxel is predicted above this probability.

    Returns:
        float64 (channels,): 0 where both are empty, infinity where one of them is.

    Raises:
        ValueError: the shapes differ.
    """
    predicted, truth = np.asarray(prediction) > threshold, np.asarray(target) > 0.5
    if predicted.shape != truth.shape or predicted.ndim < 2:
        raise ValueError(f"prediction has shape {predicted.shape}, target {truth.shape}; expected the same (channels, *space)")
    return np.array([_one(p, t, spacing) for p, t in zip(predicted, truth, strict=True)])


def _one(predicted: np.ndarray, truth: np.ndarray, spacing: Sequence[float]) -> float:
    if not predicted.any() or not truth.any():
        return 0.0 if predicted.any() == truth.any() else math.inf
    both = predicted | truth
    box = []
    for axis in range(both.ndim):
        hits = np.flatnonzero(both.any(axis=tuple(a for a in range(both.ndim) if a != axis)))
        box.append(slice(max(0, int(hits[0]) - 1), int(hits[-1]) + 2))
    pair = [torch.from_numpy(np.ascontiguousarray(mask[tuple(box)]))[None, None].float() for mask in (predicted, truth)]
    distance = compute_hausdorff_distance(pair[0], pair[1], include_background=True, percentile=95, spacing=list(spacing))
    return float(distance[0, 0])
