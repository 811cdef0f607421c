"""Cutting a box out of an array, and putting it back."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from gliolabel.errors import InputError
from gliolabel.recipes.schema import CropStep

#: Slices along z, y, x.
Box = tuple[slice, slice, slice]


def crop_box(step: CropStep, shape: tuple[int, ...]) -> Box:
    """The box that a step cuts out of an array of the shape (z, y, x): half-open ranges, ``[56, 184]`` keeps voxels 56 to 183.

    Raises:
        InputError: a range ends outside the array.
    """
    parts = []
    for name, limits, size in zip("zyx", (step.z, step.y, step.x), shape, strict=True):
        start, stop = limits if limits is not None else (0, size)
        if stop > size:
            raise InputError(
                f"preprocessing step crop: {name} = [{start}, {stop}], but the image has {size} voxels along {name}; "
                f"expected at most {size}. Use images of the size that the recipe is for, or change the range"
            )
        parts.append(slice(start, stop))
    return parts[0], parts[1], parts[2]


def brain_box(image: np.ndarray) -> Box:
    """The in-plane box around the pixels that are above 0 in any channel and slice; everything where there is none.

    Args:
        image: (channels, z, y, x).

    Source: report 003, section 3.1.1 ("zooming, i.e. centering ... cropped"; its run does not crop).
    """
    lit = (image > 0).any(axis=(0, 1))
    whole = slice(0, image.shape[1])
    if not lit.any():
        return whole, slice(0, image.shape[2]), slice(0, image.shape[3])
    rows, columns = np.flatnonzero(lit.any(axis=1)), np.flatnonzero(lit.any(axis=0))
    return whole, slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def uncrop(probabilities: Tensor, *, box: Box, shape: tuple[int, int, int]) -> Tensor:
    """Put what was computed inside a box back into the whole; outside it everything is background.

    Args:
        probabilities: (outputs, d, h, w): of the tumour, or of each class, background first.
        box: where it was cut out.
        shape: (z, y, x) before the cut.

    Returns:
        (outputs, z, y, x): 0 outside the box, and 1 for the background if there are several outputs.
    """
    whole = probabilities.new_zeros(len(probabilities), *shape)
    if len(probabilities) > 1:
        whole[0] = 1.0
    whole[(slice(None), *box)] = probabilities
    return whole
