"""Weights of the two classes against their imbalance."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from gliolabel.errors import InputError


def balanced_class_weights(masks: Iterable[np.ndarray | Tensor]) -> tuple[float, float]:
    """``N / (2 N_c)`` for each class c: N pixels in all masks together, N_c of them of class c.

    Both classes then weigh the same in all, and the mean weight of a pixel is 1.

    Args:
        masks: the training masks, of any shapes; a pixel above 0.5 is tumour. Read once, one after the other.

    Returns:
        The weights of background and tumour.

    Raises:
        InputError: no pixel, or none of one of the classes: its weight would be infinite, and a training without it is no training.

    Source: report 000 leaves w_c in equation 1 open; these are scikit-learn's "balanced" weights.

    Example:
        >>> balanced_class_weights([np.array([1, 0, 0, 0])])
        (0.6666666666666666, 2.0)
    """
    pixels, tumour = 0, 0
    for mask in masks:
        pixels += int(mask.numel()) if isinstance(mask, Tensor) else int(np.size(mask))
        tumour += int(torch.count_nonzero(mask > 0.5)) if isinstance(mask, Tensor) else int(np.count_nonzero(np.asarray(mask) > 0.5))
    if tumour in {0, pixels}:
        raise InputError(
            f"class weights: {tumour} of {pixels} pixels of the training masks are tumour; balanced weights need pixels of both "
            "classes. Train on more cases, or set loss.class_weights=none"
        )
    return pixels / (2 * (pixels - tumour)), pixels / (2 * tumour)
