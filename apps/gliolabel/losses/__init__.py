"""Losses: pure functions, channel first."""

from gliolabel.losses.regions import region_dice_loss, region_loss, region_probabilities

__all__ = ["region_dice_loss", "region_loss", "region_probabilities"]
