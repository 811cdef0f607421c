"""The product models' loss: soft Dice of the evaluation regions plus cross-entropy of the classes."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from gliolabel.losses.pairs import at_least_float32, one_hot
from gliolabel.vocabulary import REGIONS

#: Added to both sides of the Dice fraction, in voxels: an empty region that stays empty costs nothing.
SMOOTH = 10.0


def region_probabilities(classes: Tensor) -> Tensor:
    """Probabilities of the regions WT, TC, ET from those of the classes.

    Args:
        classes: (batch, 4, *space) softmax probabilities of background, necrosis, edema, enhancing tumor.

    Returns:
        (batch, 3, *space): the sums over each region's classes.
    """
    # One class after the other: indexing with a list copies them, and is slow to differentiate.
    return torch.stack([sum((classes[:, v] for v in rest), start=classes[:, first]) for first, *rest in REGIONS.values()], dim=1)


def region_dice_loss(classes: Tensor, target: Tensor) -> Tensor:
    """1 - soft Dice, computed over the whole batch for each region and averaged over the regions.

    Args:
        classes: (batch, 4, *space) softmax probabilities.
        target: (batch, *space) integer classes 0..3.
    """
    prediction = region_probabilities(classes)
    truth = region_probabilities(one_hot(target, 4, like=classes))
    axes = (0, *range(2, prediction.ndim))
    overlap = (prediction * truth).sum(axes)
    total = prediction.sum(axes) + truth.sum(axes)
    return 1 - ((2 * overlap + SMOOTH) / (total + SMOOTH)).mean()


def region_loss(logits: Tensor, target: Tensor, *, dice: float, cross_entropy: float) -> Tensor:
    """Weighted sum of :func:`region_dice_loss` and cross-entropy.

    Args:
        logits: (batch, 4, *space).
        target: (batch, *space) integer classes 0..3.
        dice: weight of the Dice part.
        cross_entropy: weight of the cross-entropy part.
    """
    logits = at_least_float32(logits)
    return dice * region_dice_loss(logits.softmax(1), target) + cross_entropy * F.cross_entropy(logits, target.long())
