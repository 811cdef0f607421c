"""Cross-entropy and Dice together, as the reports combine them."""

from __future__ import annotations

from torch import Tensor

from gliolabel.losses.cross_entropy import cross_entropy, weighted_bce
from gliolabel.losses.dice import multilabel_dice_loss, soft_dice_loss


def combined_loss(
    prediction: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    alpha: float | None = None,
    smooth: float = 1e-6,
    batch: bool | None = None,
) -> Tensor:
    """The "combined loss" of reports 000 (one channel) and 001 (several classes).

    * One channel: :func:`weighted_bce` plus :func:`soft_dice_loss`, each with weight 1 (report 000, section 4.2.3).
    * Several: ``alpha`` times :func:`multilabel_dice_loss` with background plus ``1 - alpha`` times :func:`cross_entropy`
      (report 001, equation 3).

    Args:
        prediction: (batch, channels, *space), probabilities.
        target: the truth in the same shape, or (batch, *space): 0 and 1 for one channel, classes for several.
        weight: of each pixel in the cross-entropy, (batch, *space) or broadcast to the prediction; without it 1.
        alpha: share of the Dice loss, 0 to 1. Without it: 0.5 for several channels (the report tried .25, .5, .75 and does not say which
            it kept), and the plain sum for one.
        smooth: of the Dice loss.
        batch: Dice over the whole batch. Without it: for several channels, as public code that report 001 follows does; not for one.

    Returns:
        A scalar in the prediction's precision (at least float32).

    Raises:
        ValueError: the shapes do not fit, or alpha lies outside 0 to 1.
    """
    if alpha is not None and not 0 <= alpha <= 1:
        raise ValueError(f"alpha is {alpha}; expected 0 to 1")
    if prediction.shape[1] == 1:
        of_dice, of_entropy = (1.0, 1.0) if alpha is None else (alpha, 1 - alpha)
        dice = soft_dice_loss(prediction, target, smooth=smooth, batch=bool(batch))
        return of_entropy * weighted_bce(prediction, target, weight=weight) + of_dice * dice
    share = 0.5 if alpha is None else alpha
    dice = multilabel_dice_loss(prediction, target, smooth=smooth, batch=batch is None or batch)
    return share * dice + (1 - share) * cross_entropy(prediction, target, weight=weight)
