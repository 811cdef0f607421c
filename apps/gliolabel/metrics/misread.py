"""What report 002's mean IoU may have been: two readings that are not the mean IoU, to show why its figure is impossible."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from gliolabel.metrics.confusion import counts_of


def printed_mean_iou(prediction: ArrayLike, target: ArrayLike, *, threshold: float = 0.5) -> float:
    """Report 002, equation 2 as printed, without a sum over classes: ``1/n TP / (TP + FP + FN)`` of all classes' voxels together.

    Args:
        prediction: (channels, *space), as for :func:`gliolabel.metrics.mean_iou`.
        target: one-hot in the same shape, or (*space) classes.
        threshold: for one channel: tumour above this probability.

    Returns:
        0 to 1/n: a perfect prediction of four classes scores 0.25.
    """
    counts = counts_of(prediction, target, threshold=threshold)
    correct, total = int(counts.diagonal().sum()), int(counts.sum())
    # Each wrong voxel is a false positive of one class and a false negative of another.
    return correct / (correct + 2 * (total - correct)) / len(counts)


def truncated_mean_iou(prediction: ArrayLike, target: ArrayLike) -> float:
    """What Keras's ``MeanIoU(num_classes=n)`` gives for a one-hot truth and raw softmax.

    It takes both for class numbers, truncates them to integers, so that every probability below exactly 1 is "class 0", and averages over
    the classes that occur: the IoU of the zeros and of the ones. Zeros are three quarters of four channels and easy, so it can lie far
    above the mean IoU and even the mean Dice.

    Args:
        prediction: (channels, *space), softmax probabilities.
        target: one-hot in the same shape.

    Returns:
        0 to 1.

    Raises:
        ValueError: the shapes differ.
    """
    predicted, truth = np.asarray(prediction).astype(np.int64), np.asarray(target).astype(np.int64)
    if predicted.shape != truth.shape:
        raise ValueError(f"prediction has shape {predicted.shape}, target {truth.shape}; expected the same (channels, *space)")
    scores = [
        ((predicted == value) & (truth == value)).sum() / either.sum()
        for value in (0, 1)
        if (either := (predicted == value) | (truth == value)).any()
    ]
    return float(np.mean(scores))
