"""The same maps and scores as :mod:`~gliolabel.uncertainty.maps` and :mod:`~gliolabel.uncertainty.scores`, one pass at a time.

Only running sums are kept, in float32, and one bit per voxel, region and pass for the pairs.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from gliolabel.uncertainty.maps import binary_entropy
from gliolabel.uncertainty.scores import pairwise_dice_of

_VOXELS_AT_ONCE = 1 << 20


class RunningMaps:
    """Sums over passes.

    Args:
        regions: number of regions.
        shape: the spatial shape of the samples.
    """

    def __init__(self, regions: int, shape: tuple[int, ...]) -> None:
        self.passes = 0
        self._mean = torch.zeros(regions, *shape)
        self._deviations = torch.zeros(regions, *shape)
        self._entropies = torch.zeros(regions, *shape)
        self._bits: list[np.ndarray] = []
        self.voxels: list[np.ndarray] = []

    def add(self, probabilities: Tensor) -> None:
        """Add one pass.

        Args:
            probabilities: float32 (regions, *space) on the CPU.
        """
        self.passes += 1
        # Welford's update: equal passes give exactly 0, which a difference of sums of squares would not.
        difference = probabilities - self._mean
        self._mean.add_(difference, alpha=1 / self.passes)
        self._deviations.addcmul_(difference, probabilities - self._mean)
        self._entropies += _entropy(probabilities)
        inside = (probabilities > 0.5).flatten(1).numpy()
        self.voxels.append(inside.sum(axis=1))
        self._bits.append(np.packbits(inside, axis=1))

    def mean(self) -> np.ndarray:
        """Mean probability, float32 (regions, *space)."""
        return self._mean.numpy()

    def std(self) -> np.ndarray:
        """As :func:`~gliolabel.uncertainty.std_map`."""
        return (self._deviations / self.passes).clamp_(min=0).sqrt_().numpy()

    def entropy(self) -> np.ndarray:
        """As :func:`~gliolabel.uncertainty.entropy_map`."""
        return binary_entropy(self.mean()).astype(np.float32)

    def mutual_information(self) -> np.ndarray:
        """As :func:`~gliolabel.uncertainty.mutual_information_map`."""
        return np.maximum(self.entropy() - (self._entropies / self.passes).numpy(), 0)

    def pairwise_dice(self) -> np.ndarray:
        """As :func:`~gliolabel.uncertainty.pairwise_dice`."""
        bits = np.stack(self._bits, axis=1)
        result = []
        for region in bits:
            overlaps = np.zeros((self.passes, self.passes))
            # Bytes that are 0 in every pass add nothing: most of the brain.
            busy = region[:, region.any(axis=0)]
            for start in range(0, busy.shape[1], _VOXELS_AT_ONCE // 8):
                masks = np.unpackbits(busy[:, start : start + _VOXELS_AT_ONCE // 8], axis=1).astype(np.float32)
                overlaps += masks @ masks.T
            result.append(pairwise_dice_of(overlaps))
        return np.array(result)


def _entropy(p: Tensor) -> Tensor:
    return -(torch.xlogy(p, p) + torch.xlogy(1 - p, 1 - p)) / float(np.log(2))
