"""Cross-entropies of probabilities."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from gliolabel.losses.pairs import aligned

#: The smallest logarithm that counts, as in torch's binary cross-entropy: a probability of exactly 0 costs 100, not infinity.
SMALLEST_LOG = -100.0


def weighted_bce(prediction: Tensor, target: Tensor, *, weight: Tensor | None = None) -> Tensor:
    """Mean over all pixels of weight times binary cross-entropy. The mean is over pixels: the weights' sum does not divide it.

    Args:
        prediction: (batch, channels, *space), probabilities of tumour from 0 to 1. Exactly 0 or 1 is allowed, see
            :data:`SMALLEST_LOG`.
        target: 0 and 1 (or between) in the same shape, or (batch, *space) for one channel.
        weight: the whole weight of each pixel (class weight plus border term), (batch, *space) or broadcast to the prediction;
            without it 1.

    Returns:
        A scalar in the prediction's precision (at least float32).

    Raises:
        ValueError: the shapes do not fit.

    Source: report 000, section 4.2.1; the reduction to a mean is ours, the report names none.
    """
    prediction, target = aligned(prediction, target)
    loss = F.binary_cross_entropy(prediction, target, reduction="none")
    return (loss if weight is None else loss * fitted(weight, prediction)).mean()


def cross_entropy(prediction: Tensor, target: Tensor, *, weight: Tensor | None = None) -> Tensor:
    """Categorical cross-entropy: minus the logarithm of the true class's probability, mean over batch and space.

    Args:
        prediction: (batch, channels, *space), probabilities that sum to 1 over the channels. Exactly 0 is allowed, see
            :data:`SMALLEST_LOG`.
        target: one-hot in the same shape, or (batch, *space) classes.
        weight: of each pixel, (batch, *space) or (batch, 1, *space); without it 1.

    Returns:
        A scalar in the prediction's precision (at least float32).

    Raises:
        ValueError: the shapes do not fit.

    Source: report 001, section 3.3.2; report 002, section 3.3.
    """
    prediction, target = aligned(prediction, target)
    loss = -(target * safe_log(prediction)).sum(dim=1, keepdim=True)
    return (loss if weight is None else loss * fitted(weight, loss)).mean()


def fitted(weight: Tensor, values: Tensor) -> Tensor:
    """The weight broadcast to (batch, channels, *space) values; (batch, *space) is the same weight for every channel.

    Raises:
        ValueError: it does not fit.
    """
    # Without the channel axis, (batch, height, width) would broadcast over the channels as if they were the batch.
    if weight.ndim == values.ndim - 1:
        weight = weight.unsqueeze(1)
    try:
        return weight.to(values).expand_as(values)
    except RuntimeError as error:
        raise ValueError(f"weight has shape {tuple(weight.shape)}; expected one that fits {tuple(values.shape)}") from error


def safe_log(probabilities: Tensor) -> Tensor:
    """Logarithm, not below :data:`SMALLEST_LOG`; at exactly 0 its gradient is 0 instead of not a number."""
    positive = probabilities > 0
    logs = torch.where(positive, probabilities, torch.ones_like(probabilities)).log()
    return torch.where(positive, logs, torch.full_like(logs, SMALLEST_LOG)).clamp(min=SMALLEST_LOG)
