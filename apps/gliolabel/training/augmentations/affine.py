"""Small rotations, shifts, zooms and shears, and a flip."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from gliolabel.errors import InputError
from gliolabel.recipes.schema import AffineAugmentation
from gliolabel.training.augmentations.changed import Changed


def affine(images: Tensor, targets: Tensor, weights: Tensor | None, *, settings: AffineAugmentation, generator: torch.Generator) -> Changed:
    """One affine change about the centre for each sample, then perhaps a flip left and right.

    Angles, shifts and the two axes' zooms are independent and uniform. Images and weights are interpolated linearly, targets take the
    nearest pixel; pixels from outside are those of the nearest edge.

    Args:
        images: (batch, channels, y, x).
        targets: (batch, y, x).
        weights: as ``targets``, or None.
        settings: the largest amounts; angles in degrees.
        generator: source of all randomness.

    Returns:
        New tensors.

    Raises:
        InputError: the images are not 2-D.

    Source: report 004, section 3.3 (Keras's ImageDataGenerator, whose rotation is in degrees; fill mode nearest).
    """
    if images.ndim != 4:
        raise InputError("augmentation.kind affine is for 2-D samples; choose another augmentation for volumes")
    batch, _, height, width = images.shape
    matrix = _matrices(batch, settings, generator)
    # Where each pixel's value comes from, in pixels about the centre; affine_grid counts in half sides.
    half = torch.tensor([width / 2, height / 2])
    linear = matrix * half[None, None, :] / half[None, :, None]
    # A shift by a share of the side is twice the share in half sides.
    shift = 2 * settings.shift * (2 * torch.rand(batch, 2, 1, generator=generator) - 1)
    grid = F.affine_grid(torch.cat([linear, shift], dim=2), [batch, 1, height, width], align_corners=False)
    flipped = torch.rand(batch, generator=generator) < settings.horizontal
    grid = torch.where(flipped[:, None, None, None], grid.flip(2), grid)
    moved = F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)
    masks = F.grid_sample(targets[:, None].float(), grid, mode="nearest", padding_mode="border", align_corners=False)[:, 0]
    if weights is not None:
        weights = F.grid_sample(weights[:, None], grid, mode="bilinear", padding_mode="border", align_corners=False)[:, 0]
    return Changed(moved, masks.round().to(targets.dtype), weights)


def _matrices(batch: int, settings: AffineAugmentation, generator: torch.Generator) -> Tensor:
    """Rotation times shear times zoom, (batch, 2, 2), on (x, y) in pixels."""

    def within(largest: float, count: int = 1) -> Tensor:
        return largest * (2 * torch.rand(count, batch, generator=generator) - 1)

    angle, shear = within(math.radians(settings.rotate_degrees))[0], within(math.radians(settings.shear_degrees))[0]
    zoom = 1 + within(settings.zoom, 2)
    one, zero = torch.ones(batch), torch.zeros(batch)
    rotation = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], dim=1).view(batch, 2, 2)
    sheared = torch.stack([one, -shear.sin(), zero, shear.cos()], dim=1).view(batch, 2, 2)
    return rotation @ sheared @ torch.diag_embed(zoom.T)
