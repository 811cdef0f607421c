"""Random changes of intensity, resolution and of which sequences there are, for a batch of normalised patches."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from gliolabel.recipes.schema import PatchAugmentation


def augment(images: Tensor, *, settings: PatchAugmentation, generator: torch.Generator) -> Tensor:
    """Change a batch at random. The background stays 0; an independent draw for every patch and sequence.

    Args:
        images: float32 (batch, sequences, *space), normalised, 0 outside the brain.
        settings: what may change and by how much.
        generator: source of all randomness.

    Returns:
        A new tensor of the same shape.
    """
    inside = (images != 0).any(dim=1, keepdim=True)
    images = _contrast(images, settings, generator)
    images = _gamma(images, settings, generator)
    images = _coarse(images, settings, generator)
    images = _noise(images, settings, generator)
    return images * inside * _kept(images, settings, generator)


def _draw(images: Tensor, low: float, high: float, generator: torch.Generator) -> Tensor:
    values = low + (high - low) * torch.rand(images.shape[:2], generator=generator)
    return values.view(*images.shape[:2], *[1] * (images.ndim - 2))


def _contrast(images: Tensor, settings: PatchAugmentation, generator: torch.Generator) -> Tensor:
    scale = _draw(images, *settings.contrast, generator)
    return images * scale + _draw(images, -settings.brightness, settings.brightness, generator)


def _gamma(images: Tensor, settings: PatchAugmentation, generator: torch.Generator) -> Tensor:
    exponents = _draw(images, *settings.gamma, generator)
    chosen = _draw(images, 0, 1, generator) < settings.gamma_share
    changed = images.clone()
    for patch, sequence in chosen.flatten(1).nonzero().tolist():
        values = images[patch, sequence]
        low, high = values.min(), values.max()
        span = (high - low).clamp(min=1e-3)
        changed[patch, sequence] = ((values - low) / span).clamp(0, 1).pow(exponents[patch, sequence].flatten()[0]) * span + low
    return changed


def _coarse(images: Tensor, settings: PatchAugmentation, generator: torch.Generator) -> Tensor:
    chosen = _draw(images, 0, 1, generator) < settings.coarse_share
    space = images.shape[2:]
    mode = "bilinear" if len(space) == 2 else "trilinear"
    for patch, sequence in chosen.flatten(1).nonzero().tolist():
        # Each axis on its own: thick slices are coarse along one axis only.
        shares = settings.coarse + (1 - settings.coarse) * torch.rand(len(space), generator=generator)
        size = [max(2, round(n * float(s))) for n, s in zip(space, shares, strict=True)]
        small = F.interpolate(images[patch : patch + 1, sequence : sequence + 1], size=size, mode=mode, align_corners=False)
        images[patch, sequence] = F.interpolate(small, size=space, mode=mode, align_corners=False)[0, 0]
    return images


def _noise(images: Tensor, settings: PatchAugmentation, generator: torch.Generator) -> Tensor:
    strength = _draw(images, 0, settings.noise, generator) * (_draw(images, 0, 1, generator) < settings.noise_share)
    for patch, sequence in strength.flatten(1).nonzero().tolist():
        values = images[patch, sequence]
        images[patch, sequence] = values + strength[patch, sequence] * torch.randn(values.shape, generator=generator)
    return images


def _kept(images: Tensor, settings: PatchAugmentation, generator: torch.Generator) -> Tensor:
    batch, sequences = images.shape[:2]
    kept = torch.ones(batch, sequences)
    for patch in range(batch):
        if float(torch.rand((), generator=generator)) < settings.missing_share:
            # One missing sequence is the most frequent gap in practice; three leave a single volume opened in Slicer.
            count = (1, 1, 1, 2, 3)[int(torch.randint(5, (), generator=generator))]
            kept[patch, torch.randperm(sequences, generator=generator)[: min(count, sequences - 1)]] = 0
    return kept.view(batch, sequences, *[1] * (images.ndim - 2))
