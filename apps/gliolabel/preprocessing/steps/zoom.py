"""In-plane zoom by splines, as SciPy does it."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F


def zoom(image: np.ndarray, *, factor: float, order: int = 3) -> np.ndarray:
    """``scipy.ndimage.zoom`` of the last two axes.

    SciPy's size is ``round(n factor)``, and the centres of the corner pixels of both grids coincide: other than in :func:`resize`.

    Args:
        image: (channels, z, y, x).
        factor: above 0.
        order: of the spline, 0 to 5.

    Returns:
        float32 (channels, z, h, w). Splines overshoot, so values may lie outside the range of ``image``.

    Source: report 003 (its run: ``scipy.ndimage.zoom(x, 0.25)``, cubic).
    """
    planes = image.reshape(-1, *image.shape[-2:])
    # Plane by plane: a zoom of 1 along the other axes would still filter them.
    zoomed = np.stack([ndimage.zoom(plane.astype(np.float64), factor, order=order) for plane in planes])
    return zoomed.reshape(*image.shape[:-2], *zoomed.shape[-2:]).astype(np.float32)


def zoom_target(target: np.ndarray, *, factor: float, order: int = 3) -> np.ndarray:
    """:func:`zoom` of a target (z, y, x) as uint8: tumour where the zoomed mask is above 0.5.

    With several classes, each class's mask is zoomed and a pixel belongs to the class with the largest value.
    """
    highest = int(target.max(initial=0))
    if highest <= 1:
        return (zoom(target[None], factor=factor, order=order)[0] > 0.5).astype(np.uint8)
    masks = np.stack([target == value for value in range(highest + 1)])
    return zoom(masks, factor=factor, order=order).argmax(axis=0).astype(np.uint8)


def unzoom(probabilities: Tensor, *, size: tuple[int, int]) -> Tensor:
    """Bring (outputs, z, h, w) back to the in-plane size before :func:`zoom`, linearly, on the same corner centres."""
    return F.interpolate(probabilities, size=size, mode="bilinear", align_corners=True)
