"""Losses: pure functions of (prediction, target), probabilities, channel first; and the recipes' losses of logits."""

from gliolabel.losses.border import border_weight_map
from gliolabel.losses.building import LossOfLogits, build_loss
from gliolabel.losses.class_weights import balanced_class_weights
from gliolabel.losses.combined import combined_loss
from gliolabel.losses.cross_entropy import cross_entropy, weighted_bce
from gliolabel.losses.dice import multilabel_dice_loss, soft_dice_loss
from gliolabel.losses.focal import focal_dice_loss, focal_loss
from gliolabel.losses.regions import region_dice_loss, region_loss, region_probabilities

__all__ = [
    "LossOfLogits",
    "balanced_class_weights",
    "border_weight_map",
    "build_loss",
    "combined_loss",
    "cross_entropy",
    "focal_dice_loss",
    "focal_loss",
    "multilabel_dice_loss",
    "region_dice_loss",
    "region_loss",
    "region_probabilities",
    "soft_dice_loss",
    "weighted_bce",
]
