"""The same maps and scores as :mod:`~gliolabel.uncertainty.maps` and :mod:`~gliolabel.uncertainty.scores`, one pass at a time.

Only running sums are kept, in float32, and one bit per voxel, region and pass for the pairs. Voxels about which all is said
can be left out of later passes.
"""

from __future__ import annotations

import math
from collections.abc import Callable

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
        threshold: a voxel belongs to a region above this probability (volumes, pairs).
        inside: instead of a threshold, which voxels belong to each region, from the probabilities: (regions, voxels), float32 to bool.
    """

    def __init__(
        self, regions: int, shape: tuple[int, ...], *, threshold: float = 0.5, inside: Callable[[Tensor], Tensor] | None = None
    ) -> None:
        self.passes = 0
        self.voxels: list[np.ndarray] = []
        self._shape = (regions, *shape)
        self._inside = inside or (lambda probabilities: probabilities > threshold)
        count = math.prod(shape)
        self._passes_of = torch.zeros(count)
        self._sums = torch.zeros(3, regions, count)
        self._followed: Tensor | None = None
        self._current = self._sums  # of the voxels that are still followed
        self._ever = torch.zeros(count, dtype=torch.bool)
        self._bits: list[np.ndarray] = []

    def add(self, probabilities: Tensor) -> None:
        """Add one pass.

        Args:
            probabilities: float32 (regions, *space) on the CPU; after :meth:`follow` (regions, followed voxels).

        Raises:
            ValueError: the shape is another.
        """
        values = probabilities.reshape(len(probabilities), -1)
        mean, deviations, entropies = self._current
        if values.shape != mean.shape:
            raise ValueError(f"a pass has {tuple(values.shape)} (regions, voxels); expected {tuple(mean.shape)}")
        self.passes += 1
        # Welford's update: equal passes give exactly 0, which a difference of sums of squares would not.
        difference = values - mean
        mean.add_(difference, alpha=1 / self.passes)
        deviations.addcmul_(difference, values - mean)
        entropies += _entropy(values)
        inside = self._inside(values)
        if self._followed is None:
            self._ever |= inside.any(dim=0)
        self.voxels.append(inside.sum(dim=1).numpy())
        self._bits.append(np.packbits(inside.numpy(), axis=1))

    def follow(self, voxels: Tensor) -> None:
        """From now on add only these voxels; what the others were so far is what they are.

        Args:
            voxels: int64 (n,), positions in the flattened space, ascending. To be called once at most.

        Raises:
            ValueError: a voxel that belonged to a region in some pass is not among them, or there were voxels left out before.
        """
        if self._followed is not None:
            raise ValueError("voxels were left out already; this can be done once")
        left_out = torch.ones(len(self._ever), dtype=torch.bool)
        left_out[voxels] = False
        if bool((left_out & self._ever).any()):
            raise ValueError("a voxel of a region cannot be left out: volumes and pairs need it in every pass")
        self._followed = voxels
        self._passes_of.fill_(self.passes)
        self._current = self._sums[:, :, voxels]
        kept = voxels.numpy()
        self._bits = [np.packbits(np.unpackbits(bits, axis=1)[:, kept], axis=1) for bits in self._bits]

    def mean(self) -> np.ndarray:
        """Mean probability, float32 (regions, *space)."""
        return self._whole(0)

    def std(self) -> np.ndarray:
        """As :func:`~gliolabel.uncertainty.std_map`."""
        return np.sqrt(np.maximum(self._whole(1) / self._counts(), 0))

    def entropy(self) -> np.ndarray:
        """As :func:`~gliolabel.uncertainty.entropy_map`."""
        return binary_entropy(self.mean()).astype(np.float32)

    def mutual_information(self) -> np.ndarray:
        """As :func:`~gliolabel.uncertainty.mutual_information_map`."""
        return np.maximum(self.entropy() - self._whole(2) / self._counts(), 0)

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

    def _whole(self, which: int) -> np.ndarray:
        if self._followed is not None:
            self._sums[which, :, self._followed] = self._current[which]
        return self._sums[which].reshape(self._shape).numpy()

    def _counts(self) -> np.ndarray:
        counts = self._passes_of.clone() if self._followed is not None else torch.full_like(self._passes_of, self.passes)
        if self._followed is not None:
            counts[self._followed] = self.passes
        return counts.reshape(self._shape[1:]).numpy()


def _entropy(p: Tensor) -> Tensor:
    other = (1 - p).clamp_(min=0)  # sums of float32 probabilities can pass 1 by a rounding
    return (torch.xlogy(p, p) + torch.xlogy(other, other)).clamp_(max=0) / -float(np.log(2))
