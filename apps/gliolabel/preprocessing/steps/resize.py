"""Another in-plane size, for images and for targets."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F


def resize(image: np.ndarray, *, size: tuple[int, int], mode: Literal["bilinear", "nearest"] = "bilinear") -> np.ndarray:
    """Resize the last two axes; the outer edges of both grids coincide (half-pixel centres), without smoothing.

    Args:
        image: (channels, z, y, x).
        size: height and width.
        mode: ``nearest`` takes the pixel whose centre is nearest.

    Returns:
        float32 (channels, z, *size). The same as MONAI's ``Resize(size, mode=...)`` of each slice (``nearest-exact`` for ``nearest``).

    Example:
        >>> resize(np.array([[[[1.0, 3.0], [1.0, 3.0]]]]), size=(1, 1)).tolist()
        [[[[2.0]]]]
    """
    return resize_tensor(torch.from_numpy(np.ascontiguousarray(image, dtype=np.float32)), size=size, mode=mode).numpy()


def resize_target(target: np.ndarray, *, size: tuple[int, int]) -> np.ndarray:
    """Resize a target (z, y, x) by nearest neighbour. No value appears that was not there."""
    return resize(target[None], size=size, mode="nearest")[0].astype(np.uint8)


def resize_tensor(values: Tensor, *, size: tuple[int, int], mode: Literal["bilinear", "nearest"] = "bilinear") -> Tensor:
    """:func:`resize` for a float tensor (channels, z, y, x): also the way back of probabilities, whose sum over classes stays 1."""
    if tuple(values.shape[-2:]) == tuple(size):
        return values
    if mode == "nearest":
        return F.interpolate(values, size=size, mode="nearest-exact")
    return F.interpolate(values, size=size, mode="bilinear", align_corners=False)
