"""The server's mask within a MONAI bundle. This file and what it imports are copied into the bundle's ``scripts/``."""

from __future__ import annotations

from torch import Tensor, from_numpy

from gliolabel.inference.masks import most_probable


class DecidedBackground:
    """Makes background certain outside the mask and impossible inside, so that the most probable class is that of the mask.

    Args:
        tumour_threshold: see :func:`~gliolabel.inference.masks.most_probable`.
        island_peak: see there.
    """

    def __init__(self, tumour_threshold: float | None, island_peak: float | None) -> None:
        self.tumour_threshold, self.island_peak = tumour_threshold, island_peak

    def __call__(self, classes: Tensor) -> Tensor:
        """Probabilities of the four classes with another background: float32 (4, x, y, z), as they came."""
        foreground = classes[1:].detach().cpu().numpy()
        mask = most_probable(foreground, tumour_threshold=self.tumour_threshold, island_peak=self.island_peak)
        decided = classes.clone()
        decided[0] = from_numpy(mask == 0).to(decided)
        return decided
