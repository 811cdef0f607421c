"""Intersection over union of exclusive classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from gliolabel.metrics.confusion import counts_of, ratio


def mean_iou(
    prediction: ArrayLike, target: ArrayLike, *, background: bool | None = None, threshold: float = 0.5, empty: float = 1.0
) -> float:
    """``1/n`` times the sum over n classes of ``TP / (TP + FP + FN)``, of the most probable class of each voxel.

    Never above the mean Dice of the same classes and masks.

    Args:
        prediction: (channels, *space), probabilities or masks. Several channels are exclusive classes, background first; one is tumour.
        target: one-hot in the same shape, or (*space) classes; 0 and 1 for one channel.
        background: the background class counts too. Without a choice: as the reports do, with it for several channels (report 002,
            n = 4), without it for one (report 004: intersection over union of the two masks).
        threshold: for one channel: tumour above this probability.
        empty: what a class counts that neither mask has: it was rightly left out, hence 1. (Report 002 does not say; MONAI's
            ``MeanIoU(ignore_empty=False)`` does the same.)

    Returns:
        0 to 1.

    Raises:
        ValueError: the shapes do not fit, or the target holds something that is no class.

    Source: report 002, equation 2 with the sum over classes that its print lacks; report 004, section 4.1.

    Example:
        >>> mean_iou([[0.1, 0.9, 0.9, 0.2]], [[0, 1, 0, 0]])
        0.5
        >>> round(mean_iou([[0.1, 0.9, 0.9, 0.2]], [[0, 1, 0, 0]], background=True), 4)
        0.5833
    """
    counts = counts_of(prediction, target, threshold=threshold)
    if background is None:
        background = np.shape(prediction)[0] > 1
    return float(iou_of(counts, empty=empty)[0 if background else 1 :].mean())


def iou_of(counts: Tensor, *, empty: float = 1.0) -> Tensor:
    """float64 (..., classes) from (..., classes, classes) counts by (true class, predicted class)."""
    both = counts.diagonal(dim1=-2, dim2=-1)
    return ratio(both, counts.sum(dim=-1) + counts.sum(dim=-2) - both, empty=empty)
