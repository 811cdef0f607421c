"""From probabilities of the classes to a mask."""

from __future__ import annotations

import numpy as np
from scipy import ndimage


def most_probable(foreground: np.ndarray, *, tumour_threshold: float | None = None, island_peak: float | None = None) -> np.ndarray:
    """The most probable class of every voxel.

    Args:
        foreground: float32 (3, z, y, x), probabilities of classes 1 to 3.
        tumour_threshold: a voxel is tumour where they add up to more than this, and then of the most probable of them; None: where
            one of them is more probable than background. The expected Dice of a region is highest at half the Dice that can be
            reached, thus below 0.5 (Lipton, Elkan and Narayanaswamy 2014, for F1, which is Dice).
        island_peak: a part of the tumour that hangs together with no other stays only where its classes add up to more than this in
            some voxel, or where no part is larger. A lower threshold is to widen a tumour's rim, not to add doubtful islands (hysteresis,
            Canny 1986). None: every part stays.

    Returns:
        uint8 (z, y, x), 0 to 3.
    """
    mask = np.zeros(foreground.shape[1:], dtype=np.uint8)
    background = 1.0 - foreground.sum(axis=0)
    if tumour_threshold is None:
        best = background.copy()
    else:
        best = (background >= 1.0 - tumour_threshold).astype(background.dtype)  # no class is above 1, and one is always above 0
    for value, probability in enumerate(foreground, start=1):
        better = probability > best
        mask[better] = value
        np.maximum(best, probability, out=best)
    if island_peak is not None:
        _remove_islands(mask, background, below=1.0 - island_peak)
    return mask


def _remove_islands(mask: np.ndarray, background: np.ndarray, *, below: float) -> None:
    """Empty the parts of a mask, except the largest, where background is nowhere less probable than ``below``."""
    found = ndimage.find_objects((mask > 0).view(np.uint8))
    if not found:
        return
    mask, background = mask[found[0]], background[found[0]]  # views of the box that holds all tumour
    parts, count = ndimage.label(mask > 0, structure=np.ones((3, 3, 3)))
    if count < 2:
        return
    stays = np.zeros(count + 1, dtype=bool)
    stays[parts[background < below]] = True
    stays[1 + np.bincount(parts.ravel())[1:].argmax()] = True
    mask[~stays[parts]] = 0
