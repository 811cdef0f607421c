"""The same change for a whole batch."""

from __future__ import annotations

import torch
from torch import Tensor

from gliolabel.recipes.schema import BatchWiseAugmentation
from gliolabel.training.augmentations.changed import Changed


def batch_wise(
    images: Tensor, targets: Tensor, weights: Tensor | None, *, settings: BatchWiseAugmentation, generator: torch.Generator
) -> Changed:
    """Noise, then flips, then square patches set to 0: each drawn once and done to every sample of the batch alike.

    Noise is one field for the whole batch. Flips of the two in-plane axes are drawn one by one, and move image, target and weights. Patches
    lie anywhere in the plane and are cut off at its edge; they and the noise change the image alone, all channels.

    Args:
        images: (batch, channels, ..., y, x).
        targets: (batch, ..., y, x).
        weights: as ``targets``, or None.
        settings: probabilities and amounts. A patch's side is that share of the shorter image side, rounded down, at least one pixel.
        generator: source of all randomness.

    Returns:
        New tensors.

    Source: report 003, section 3.3.1; the order, and that patches are cut off at the edge, from its run.
    """
    images = images.clone()
    if _happens(settings.noise_share, generator):
        images += settings.noise_mean + settings.noise_std * torch.randn(images.shape[1:], generator=generator)
    flips = [axis for axis in (-1, -2) if _happens(settings.flip, generator)]
    if flips:
        images, targets = images.flip(flips), targets.flip(flips)
        weights = None if weights is None else weights.flip(flips)
    if _happens(settings.mask_share, generator):
        fewest, most = settings.mask_patches
        for _ in range(_integer(fewest, most + 1, generator)):
            _mask(images, settings.mask_side, generator)
    return Changed(images, targets, weights)


def _mask(images: Tensor, sides: tuple[float, float], generator: torch.Generator) -> None:
    """Set one square of ``images`` to 0, in place."""
    height, width = images.shape[-2:]
    share = sides[0] + (sides[1] - sides[0]) * float(torch.rand((), generator=generator))
    side = max(1, int(share * min(height, width)))
    top, left = _integer(0, height, generator), _integer(0, width, generator)
    images[..., top : top + side, left : left + side] = 0


def _happens(share: float, generator: torch.Generator) -> bool:
    return float(torch.rand((), generator=generator)) < share


def _integer(low: int, high: int, generator: torch.Generator) -> int:
    return int(torch.randint(low, high, (), generator=generator))
