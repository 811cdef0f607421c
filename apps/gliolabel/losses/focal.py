"""The focal loss in report 003's three forms, and its sum with the Dice loss."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from gliolabel.losses.cross_entropy import safe_log
from gliolabel.losses.dice import soft_dice_loss
from gliolabel.losses.pairs import aligned, refuse_unknown

FocalForm = Literal["standard", "as_printed", "as_run"]


def focal_loss(prediction: Tensor, target: Tensor, *, form: FocalForm = "standard", alpha: float = 0.25, gamma: float = 1.0) -> Tensor:
    """Binary cross-entropy with a factor for each pixel, mean over all pixels.

    * ``standard``: ``-alpha [t (1-p)^gamma log p + (1-t) p^gamma log(1-p)]``: Lin et al. 2017 with the same alpha for both classes.
      Easy pixels count less.
    * ``as_printed``: ``-alpha [t p^gamma log p + (1-t) (1-p)^gamma log(1-p)]``: report 003, equation 3, whose factors are swapped.
      Easy pixels count more.
    * ``as_run``: ``standard`` without alpha, as Keras's BinaryFocalCrossentropy does by default, which trained the reported model.

    With gamma 0 and alpha 1 each of them is the binary cross-entropy.

    Args:
        prediction: (batch, channels, *space), probabilities from 0 to 1. Exactly 0 or 1 is allowed: logarithms do not go below -100.
        target: 0 and 1 in the same shape, or (batch, *space) for one channel.
        form: see above.
        alpha: a constant factor; unused by ``as_run``.
        gamma: exponent, 0 or more.

    Returns:
        A scalar in the prediction's precision (at least float32).

    Raises:
        ValueError: the shapes do not fit, or an option is none of those above.
    """
    refuse_unknown("form", form, get_args(FocalForm))
    if gamma < 0:
        raise ValueError(f"gamma is {gamma}; expected 0 or more")
    prediction, target = aligned(prediction, target)
    rest = 1 - prediction
    of_tumour, of_rest = (prediction, rest) if form == "as_printed" else (rest, prediction)
    loss = -(target * _power(of_tumour, gamma) * safe_log(prediction) + (1 - target) * _power(of_rest, gamma) * safe_log(rest))
    return (1.0 if form == "as_run" else alpha) * loss.mean()


def focal_dice_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    focal: float = 0.8,
    dice: float = 0.2,
    form: FocalForm = "standard",
    alpha: float = 0.25,
    gamma: float = 1.0,
    dice_form: Literal["one_minus", "negative_log"] = "one_minus",
    smooth: float = 100.0,
    batch: bool = True,
) -> Tensor:
    """``focal`` times :func:`focal_loss` plus ``dice`` times :func:`gliolabel.losses.soft_dice_loss`.

    Args:
        prediction: (batch, channels, *space), probabilities from 0 to 1.
        target: 0 and 1 in the same shape, or (batch, *space) for one channel.
        focal: weight of the focal loss, w_F in table 3.
        dice: weight of the Dice loss, w_D in table 3.
        form: of the focal loss.
        alpha: of the focal loss.
        gamma: of the focal loss.
        dice_form: ``one_minus`` (equation 2) or ``negative_log`` (as run).
        smooth: of the Dice loss; 100 as run, the report names none.
        batch: Dice over the whole batch, as run.

    Returns:
        A scalar in the prediction's precision (at least float32).

    Raises:
        ValueError: the shapes do not fit, or an option is none of those above.

    Source: report 003, equation 4.
    """
    return focal * focal_loss(prediction, target, form=form, alpha=alpha, gamma=gamma) + dice * soft_dice_loss(
        prediction, target, smooth=smooth, batch=batch, form=dice_form
    )


def _power(base: Tensor, exponent: float) -> Tensor:
    """``base ** exponent`` for a base from 0 to 1; at exactly 0 its gradient is 0 instead of infinite."""
    if exponent == 0:
        return torch.ones_like(base)
    positive = base > 0
    return torch.where(positive, torch.where(positive, base, torch.ones_like(base)).pow(exponent), torch.zeros_like(base))
