"""From a recipe's score section to a function of a batch of probabilities."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from gliolabel.metrics.accuracy import accuracy_of
from gliolabel.metrics.confusion import class_counts, hard_classes, ratio, refuse_other_classes
from gliolabel.metrics.iou import iou_of
from gliolabel.recipes.schema import ScoreSection

Score = Callable[[Tensor, Tensor], Tensor]


def build_score(section: ScoreSection, *, threshold: float) -> Score:
    """The score that a recipe names.

    Several channels are exclusive classes, background first; their score is the mean over the classes, with or without the background.
    One channel is tumour; with ``background`` the score is the mean over tumour and what is not tumour. A class that neither the
    prediction nor the truth has scores 1 (see :mod:`gliolabel.metrics`); for pixel accuracy see
    :func:`gliolabel.metrics.pixel_accuracy`.

    Args:
        section: which score; with ``batch`` it counts the whole batch's voxels together.
        threshold: one channel: tumour above this probability (``soft_dice`` has none).

    Returns:
        A function of probabilities (batch, channels, *space) after sigmoid or softmax, and target (batch, *space) classes or 0 and 1. It
        returns float64 (batch,), one score for each sample, or (1,) with ``section.batch``, on the probabilities' device, 0 to 1. It
        raises ValueError when the shapes do not fit or the target holds something that is no class.
    """
    first = 0 if section.background else 1

    def soft(probabilities: Tensor, target: Tensor) -> Tensor:
        return _soft_dice(_as_one(probabilities, target) if section.batch else (probabilities, target), first, section.smooth)

    def hard(probabilities: Tensor, target: Tensor) -> Tensor:
        classes = max(probabilities.shape[1], 2)
        counts = class_counts(hard_classes(probabilities.detach(), threshold=threshold), target, classes=classes)
        if section.batch:
            counts = counts.sum(dim=0, keepdim=True)
        if section.kind == "pixel_accuracy":
            return accuracy_of(counts, background=section.background)
        scores = iou_of(counts) if section.kind == "mean_iou" else _dice_of(counts)
        return scores[:, first:].mean(dim=1)

    return soft if section.kind == "soft_dice" else hard


def _dice_of(counts: Tensor) -> Tensor:
    """float64 (..., classes) from (..., classes, classes) counts by (true class, predicted class)."""
    return ratio(2 * counts.diagonal(dim1=-2, dim2=-1), counts.sum(dim=-1) + counts.sum(dim=-2))


def _as_one(probabilities: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """The batch as one sample that is as much larger: (1, channels, batch, *space) and (1, batch, *space)."""
    return probabilities.transpose(0, 1).unsqueeze(0), target.unsqueeze(0)


def _soft_dice(pair: tuple[Tensor, Tensor], first: int, smooth: float) -> Tensor:
    probabilities, target = pair[0].detach(), pair[1].to(pair[0].device)
    batch, channels, *space = probabilities.shape
    if tuple(target.shape) != (batch, *space):
        raise ValueError(
            f"target has shape {tuple(target.shape)}; expected {(batch, *space)} for probabilities {(batch, channels, *space)}"
        )
    classes = max(channels, 2)
    refuse_other_classes(target, classes=classes)
    return torch.stack([_soft_dice_of_class(probabilities, target, c, smooth) for c in range(first, classes)], dim=1).mean(dim=1)


def _soft_dice_of_class(probabilities: Tensor, target: Tensor, value: int, smooth: float) -> Tensor:
    """(batch,); one class at a time, since a one-hot truth of a volume is larger than the volume."""
    if probabilities.shape[1] == 1:
        predicted = probabilities[:, 0] if value == 1 else 1 - probabilities[:, 0]
    else:
        predicted = probabilities[:, value]
    truth = (target == value).to(predicted.dtype)
    axes = tuple(range(1, truth.ndim))
    # Sums over a volume are taken in float64: float32 would lose the small probabilities of the background.
    overlap = (predicted * truth).sum(axes, dtype=torch.float64)
    total = predicted.sum(axes, dtype=torch.float64) + truth.sum(axes, dtype=torch.float64)
    return ratio(2 * overlap + smooth, total + smooth)
