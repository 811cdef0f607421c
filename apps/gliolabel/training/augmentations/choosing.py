"""The augmentation that a recipe names."""

from __future__ import annotations

import torch
from torch import Tensor

from gliolabel.errors import InputError
from gliolabel.recipes.schema import (
    AffineAugmentation,
    Augmentation,
    BatchWiseAugmentation,
    BrightnessAugmentation,
    FlipRotateAugmentation,
    NoAugmentation,
)
from gliolabel.training.augmentations.affine import affine
from gliolabel.training.augmentations.batch_wise import batch_wise
from gliolabel.training.augmentations.brightness import brightness
from gliolabel.training.augmentations.changed import Changed
from gliolabel.training.augmentations.flip_rotate import flip_rotate


def augment_batch(section: Augmentation, images: Tensor, targets: Tensor, weights: Tensor | None, generator: torch.Generator) -> Changed:
    """Change a batch of whole samples at random. What was given stays as it is.

    Args:
        section: the recipe's augmentation.
        images: float32 (batch, channels, *space).
        targets: uint8 (batch, *space).
        weights: float32 (batch, *space), or None.
        generator: source of all randomness, on the CPU.

    Raises:
        InputError: the augmentation is not for such samples.
    """
    match section:
        case NoAugmentation():
            return Changed(images, targets, weights)
        case FlipRotateAugmentation():
            return flip_rotate(images, targets, weights, settings=section, generator=generator)
        case BrightnessAugmentation():
            return brightness(images, targets, weights, settings=section, generator=generator)
        case BatchWiseAugmentation():
            return batch_wise(images, targets, weights, settings=section, generator=generator)
        case AffineAugmentation():
            return affine(images, targets, weights, settings=section, generator=generator)
    raise InputError(f"augmentation.kind {section.kind} is for sampling.kind patches; sampling.kind whole takes none or one of the others")
