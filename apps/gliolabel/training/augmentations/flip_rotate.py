"""Flips and quarter turns."""

from __future__ import annotations

import torch
from torch import Tensor

from gliolabel.errors import InputError
from gliolabel.recipes.schema import FlipRotateAugmentation
from gliolabel.training.augmentations.changed import Changed


def flip_rotate(
    images: Tensor, targets: Tensor, weights: Tensor | None, *, settings: FlipRotateAugmentation, generator: torch.Generator
) -> Changed:
    """Flip left and right, flip up and down, and turn by 90, 180 or 270 degrees: three independent draws for each sample.

    No pixel is interpolated; image, target and weights change alike.

    Args:
        images: (batch, channels, ..., y, x); in 3-D the planes y, x change, all slices alike.
        targets: (batch, ..., y, x).
        weights: as ``targets``, or None.
        settings: the probabilities. All three turns are equally likely.
        generator: source of all randomness.

    Returns:
        New tensors.

    Raises:
        InputError: turns of images that are not square.

    Source: report 000, section 3.2 (each with p = 0.5; that the draws are independent is a choice).
    """
    if settings.rotate90 > 0 and images.shape[-1] != images.shape[-2]:
        raise InputError(
            f"augmentation.rotate90 = {settings.rotate90} turns images of {images.shape[-2]} x {images.shape[-1]} pixels; expected square "
            "ones. Set augmentation.rotate90=0, or pad or resize them in preprocessing"
        )
    batch = len(images)
    horizontal, vertical, turned = (torch.rand(batch, generator=generator) for _ in range(3))
    quarters = torch.randint(1, 4, (batch,), generator=generator) * (turned < settings.rotate90)

    def moved(tensor: Tensor) -> Tensor:
        parts = []
        for index, sample in enumerate(tensor):
            flips = [
                axis
                for axis, draw, chance in ((-1, horizontal, settings.horizontal), (-2, vertical, settings.vertical))
                if draw[index] < chance
            ]
            parts.append(torch.rot90(sample.flip(flips) if flips else sample, int(quarters[index]), dims=(-2, -1)))
        return torch.stack(parts)

    return Changed(moved(images), moved(targets), None if weights is None else moved(weights))
