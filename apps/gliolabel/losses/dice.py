"""Soft Dice losses of probabilities, with the reports' smoothing."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from gliolabel.losses.pairs import aligned, refuse_unknown


def soft_dice_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    smooth: float = 1e-6,
    batch: bool = False,
    form: Literal["one_minus", "negative_log"] = "one_minus",
) -> Tensor:
    """``1 - D`` or ``-log D`` of the soft Dice ``D = (2 sum(p t) + smooth) / (sum(p) + sum(t) + smooth)``, mean over channels.

    Args:
        prediction: (batch, channels, *space), probabilities.
        target: 0 and 1 in the same shape, or (batch, *space) (see :func:`gliolabel.losses.pairs.aligned`).
        smooth: added above and below, in voxels, 0 or more.
        batch: sums run over the whole batch (report 003 as run, 004) instead of each sample (report 000), whose losses are averaged.
        form: ``one_minus`` (reports 000, 003 equation 2, 004) or ``negative_log`` (report 003 as run).

    Returns:
        A scalar in the prediction's precision (at least float32). Where prediction and truth are both exactly empty D is 1, the loss 0,
        with any ``smooth``. Where they share nothing and ``smooth`` is 0, ``negative_log`` is infinite.

    Raises:
        ValueError: the shapes do not fit, or an option is none of those above.

    Example:
        >>> soft_dice_loss(torch.tensor([[[0.5, 0.5]]]), torch.tensor([[[1.0, 0.0]]]), smooth=0.0)
        tensor(0.5000)
    """
    refuse_unknown("form", form, ("one_minus", "negative_log"))
    prediction, target = aligned(prediction, target)
    coefficient = soft_dice_coefficient(prediction, target, smooth=smooth, batch=batch)
    return (1 - coefficient if form == "one_minus" else -coefficient.log()).mean()


def multilabel_dice_loss(
    prediction: Tensor, target: Tensor, *, smooth: float = 1e-6, background: bool = True, batch: bool = True
) -> Tensor:
    """Mean over the classes of ``1 - (2 sum(p t) + smooth) / (sum(p) + sum(t) + smooth)``.

    Args:
        prediction: (batch, classes, *space), softmax probabilities.
        target: one-hot in the same shape, or (batch, *space) classes.
        smooth: added above and below, in voxels, 0 or more.
        background: class 0 counts too, as in the report (N = 4).
        batch: sums run over batch and space, else over the space of each sample.

    Returns:
        A scalar in the prediction's precision (at least float32); a class that is exactly empty in both costs 0.

    Raises:
        ValueError: the shapes do not fit, or nothing is left without the background.

    Source: report 001, equations 1 and 2. The report's smooth is only "small"; the sums over batch and space are those of the public
        code it follows.
    """
    prediction, target = aligned(prediction, target)
    if not background:
        if prediction.shape[1] < 2:
            raise ValueError("background is False, but the prediction has one channel; expected at least 2 classes")
        prediction, target = prediction[:, 1:], target[:, 1:]
    return (1 - soft_dice_coefficient(prediction, target, smooth=smooth, batch=batch)).mean()


def soft_dice_coefficient(prediction: Tensor, target: Tensor, *, smooth: float, batch: bool) -> Tensor:
    """``(2 sum(p t) + smooth) / (sum(p) + sum(t) + smooth)``, 1 where the fraction is 0 / 0.

    Args:
        prediction: (batch, channels, *space), probabilities.
        target: the same shape and precision.
        smooth: in voxels, 0 or more.
        batch: sums run over the batch too.

    Returns:
        (channels,) with ``batch``, else (batch, channels); from 0 to 1.

    Raises:
        ValueError: ``smooth`` is negative.
    """
    if smooth < 0:
        raise ValueError(f"smooth is {smooth}; expected 0 or more")
    axes = tuple(range(2, prediction.ndim))
    axes = (0, *axes) if batch else axes
    above = 2 * (prediction * target).sum(axes) + smooth
    below = prediction.sum(axes) + target.sum(axes) + smooth
    empty = below == 0
    # Both branches of torch.where have gradients, hence no division by 0 in the one that is not taken.
    return torch.where(empty, torch.ones_like(above), above / torch.where(empty, torch.ones_like(below), below))
