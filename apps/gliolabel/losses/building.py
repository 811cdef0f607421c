"""From a recipe's loss section to a function of logits that is safe at any of them."""

from __future__ import annotations

from functools import partial
from typing import Protocol

import torch
from monai.losses.focal_loss import sigmoid_focal_loss
from torch import Tensor
from torch.nn import functional as F

from gliolabel.losses.dice import multilabel_dice_loss, soft_dice_loss
from gliolabel.losses.focal import FocalForm
from gliolabel.losses.pairs import at_least_float32, one_hot
from gliolabel.losses.regions import region_loss
from gliolabel.recipes.schema import BinaryLoss, FocalDiceLoss, Loss, MultilabelLoss


class LossOfLogits(Protocol):
    """What a training minimises."""

    def __call__(self, logits: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """A scalar that can be differentiated, float32, or float64 for float64 logits.

        Args:
            logits: (batch, channels, *space), in any precision.
            target: (batch, *space) integers: the class, or 0 and 1 for one channel.
            weight: (batch, *space), the border term of each pixel: given exactly when the section has ``border: true``.

        Raises:
            ValueError: a weight is missing, or is given to a loss that has none.
        """
        ...


def build_loss(section: Loss, *, class_weights: tuple[float, float] | None = None) -> LossOfLogits:
    """The loss that a recipe names, computed from logits: cross-entropies and focal factors never take a rounded probability's logarithm.

    Args:
        section: the recipe's loss.
        class_weights: of background and tumour, from :func:`gliolabel.losses.balanced_class_weights` over the training masks; needed,
            and used, exactly when a binary loss has ``class_weights: balanced``.

    Returns:
        A function of (logits, target, weight). Up to rounding it is the loss of the same name in :mod:`gliolabel.losses`, of the logits'
        sigmoid (one channel) or softmax.

    Raises:
        ValueError: the section asks for balanced class weights and they are not given.
    """
    if isinstance(section, BinaryLoss):
        if section.class_weights == "balanced" and class_weights is None:
            raise ValueError("loss.class_weights is balanced, but build_loss got none; expected those of the training masks")
        return partial(_binary, section, class_weights if section.class_weights == "balanced" and class_weights else (1.0, 1.0))
    if isinstance(section, MultilabelLoss):
        return partial(_multilabel, section)
    if isinstance(section, FocalDiceLoss):
        return partial(_focal_dice, section)
    return partial(_regions, section.dice, section.cross_entropy)


def _binary(
    section: BinaryLoss, class_weights: tuple[float, float], logits: Tensor, target: Tensor, weight: Tensor | None = None
) -> Tensor:
    """Report 000: the weight of a pixel is its class's weight plus the border term (equation 1)."""
    if (weight is not None) != section.border:
        raise ValueError(f"loss.border is {section.border}, but the samples' border weights are {'missing' if weight is None else 'given'}")
    logits, truth = at_least_float32(logits), _one_channel(target, logits)
    total = logits.new_zeros(())
    if section.cross_entropy:
        loss = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
        if weight is not None or class_weights != (1.0, 1.0):
            background, tumour = class_weights
            pixel = background + (tumour - background) * truth
            loss = loss * (pixel if weight is None else pixel + weight.unsqueeze(1).to(pixel))
        total = total + section.cross_entropy * loss.mean()
    if section.dice:
        total = total + section.dice * soft_dice_loss(logits.sigmoid(), truth, smooth=section.smooth, batch=section.batch)
    return total


def _multilabel(section: MultilabelLoss, logits: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """Report 001, equation 3; with alpha 0 the cross-entropy of report 002."""
    _no_weight(weight, "multilabel")
    logits = at_least_float32(logits)
    total = logits.new_zeros(())
    if section.alpha < 1:
        total = total + (1 - section.alpha) * F.cross_entropy(logits, target.long())
    if section.alpha > 0:
        truth = one_hot(target, logits.shape[1], like=logits)
        total = total + section.alpha * multilabel_dice_loss(logits.softmax(1), truth, smooth=section.smooth)
    return total


def _focal_dice(section: FocalDiceLoss, logits: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """Report 003, equation 4."""
    _no_weight(weight, "focal_dice")
    logits, truth = at_least_float32(logits), _one_channel(target, logits)
    total = logits.new_zeros(())
    if section.focal:
        alpha = 1.0 if section.form == "as_run" else section.alpha
        total = total + section.focal * alpha * _focal(logits, truth, form=section.form, gamma=section.gamma).mean()
    if section.dice:
        dice = soft_dice_loss(logits.sigmoid(), truth, smooth=section.smooth, batch=True, form=section.dice_form)
        total = total + section.dice * dice
    return total


def _focal(logits: Tensor, truth: Tensor, *, form: FocalForm, gamma: float) -> Tensor:
    """Each pixel's focal loss without alpha, which MONAI would apply to the classes differently (alpha and 1 - alpha)."""
    if form != "as_printed":
        loss: Tensor = sigmoid_focal_loss(logits, truth, gamma, None)
        return loss
    of_tumour, of_rest = F.logsigmoid(logits), F.logsigmoid(-logits)
    return -(truth * (gamma * of_tumour).exp() * of_tumour + (1 - truth) * (gamma * of_rest).exp() * of_rest)


def _regions(dice: float, entropy: float, logits: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    _no_weight(weight, "regions")
    return region_loss(logits, target, dice=dice, cross_entropy=entropy)


def _one_channel(target: Tensor, logits: Tensor) -> Tensor:
    dtype = torch.float64 if logits.dtype == torch.float64 else torch.float32
    return target.unsqueeze(1).to(dtype)


def _no_weight(weight: Tensor | None, kind: str) -> None:
    if weight is not None:
        raise ValueError(f"loss.kind {kind} has no weights for pixels, but the samples bring some; expected none")
