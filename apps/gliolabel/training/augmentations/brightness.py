"""Random brightness and contrast."""

from __future__ import annotations

import torch
from torch import Tensor

from gliolabel.errors import InputError
from gliolabel.recipes.schema import BrightnessAugmentation
from gliolabel.training.augmentations.changed import Changed


def brightness(
    images: Tensor, targets: Tensor, weights: Tensor | None, *, settings: BrightnessAugmentation, generator: torch.Generator
) -> Changed:
    """``v' = alpha v^gamma`` with alpha and gamma drawn for each sample, the same for its channels. Nothing is clipped.

    Args:
        images: (batch, channels, *space), 0 or more.
        targets: unchanged.
        weights: unchanged.
        settings: the ranges of alpha and gamma.
        generator: source of all randomness.

    Raises:
        InputError: a value is below 0, whose power is not defined.

    Source: report 001, section 3.3.8 (both uniform in [0.8, 1.2]; the image only).
    """
    if bool((images < 0).any()):
        raise InputError(
            f"augmentation.kind brightness takes powers of the image, but it holds {float(images.min()):.3g}; expected values of 0 or "
            "more. Put a step such as min_max last in preprocessing"
        )
    alpha = _drawn(settings.alpha, images, generator)
    gamma = _drawn(settings.gamma, images, generator)
    return Changed(alpha * images**gamma, targets, weights)


def _drawn(limits: tuple[float, float], images: Tensor, generator: torch.Generator) -> Tensor:
    low, high = limits
    return (low + (high - low) * torch.rand(len(images), generator=generator)).view(-1, *[1] * (images.ndim - 1))
