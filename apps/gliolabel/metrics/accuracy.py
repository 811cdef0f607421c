"""Share of voxels with the right class."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from gliolabel.metrics.confusion import counts_of, ratio


def pixel_accuracy(prediction: ArrayLike, target: ArrayLike, *, background: bool = True, threshold: float = 0.5) -> float:
    """Correct voxels / all voxels: ``sum_j n_jj / sum_j t_j`` over the classes j.

    n_jj voxels are both of class j and predicted so, t_j are of class j. Without the background the sums leave its class out, which
    leaves the share of the tumour's voxels that have the right class.

    Args:
        prediction: (channels, *space), probabilities or masks. Several channels are exclusive classes, background first; one is tumour.
        target: one-hot in the same shape, or (*space) classes; 0 and 1 for one channel.
        background: the background class counts too, as in the reports.
        threshold: for one channel: tumour above this probability.

    Returns:
        0 to 1. Without the background and without any tumour in the truth: 1 if none is predicted, else 0.

    Raises:
        ValueError: the shapes do not fit, or the target holds something that is no class.

    Source: report 000, equation 3; report 002, equation 1 read over all classes.

    Example:
        >>> pixel_accuracy([[0.1, 0.9, 0.9, 0.2]], [[0, 1, 0, 0]])
        0.75
    """
    return float(accuracy_of(counts_of(prediction, target, threshold=threshold), background=background))


def class_accuracy(prediction: ArrayLike, target: ArrayLike, *, threshold: float = 0.5) -> np.ndarray:
    """``(TP + TN) / (TP + TN + FP + FN)`` of each class against all others. Report 002, equation 1 read literally.

    Args:
        prediction: (channels, *space), as for :func:`pixel_accuracy`.
        target: one-hot in the same shape, or (*space) classes.
        threshold: for one channel: tumour above this probability.

    Returns:
        float64 (classes,), background first; both are the same for one channel.

    Raises:
        ValueError: the shapes do not fit, or the target holds something that is no class.
    """
    counts = counts_of(prediction, target, threshold=threshold)
    both = counts.diagonal()
    wrong = counts.sum(dim=0) + counts.sum(dim=1) - 2 * both
    return ratio(counts.sum() - wrong, counts.sum().expand_as(both)).cpu().numpy()


def accuracy_of(counts: Tensor, *, background: bool) -> Tensor:
    """float64 (...) pixel accuracy from (..., classes, classes) counts by (true class, predicted class)."""
    if background:
        return ratio(counts.diagonal(dim1=-2, dim2=-1).sum(dim=-1), counts.sum(dim=(-2, -1)))
    correct = counts[..., 1:, 1:].diagonal(dim1=-2, dim2=-1).sum(dim=-1)
    predicted = counts[..., 1:].sum(dim=(-2, -1))
    return ratio(correct, counts[..., 1:, :].sum(dim=(-2, -1)), empty=(predicted == 0).to(torch.float64))
