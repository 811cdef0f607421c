"""Monte-Carlo passes over one case that share all that they can.

Two things make a pass cheaper than a segmentation. What comes before the first dropout is the same in every pass
(:meth:`~gliolabel.networks.SegmentationNetwork.stem`) and is computed once. And a 2-D network sees each slice by itself: slices
where no pass found anything are left out of the later passes, exactly as if they had been computed for the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from gliolabel.inference.precision import Precision
from gliolabel.inference.volume_pass import PLANES, SLICES_AT_ONCE, brain_box, pad
from gliolabel.networks import SegmentationNetwork

#: Passes that see everything, before slices may be left out.
PASSES_EVERYWHERE = 5

#: A slice is settled when no voxel of it, in any of the first passes, had a region's probability above this.
SETTLED_BELOW = 0.05

#: Slices on either side of an unsettled one that are kept as well.
SLICES_KEPT_BESIDE = 2

#: From class probabilities (batch, classes, *space) to those of regions (batch, regions, *space).
ToRegions = Callable[[Tensor], Tensor]


class Passes(Protocol):
    """The passes of one network over one case."""

    def run(self) -> Tensor:
        """One pass: float32 (regions, followed voxels) on the CPU, at first every voxel of the brain in array order."""
        ...

    def settle(self) -> Tensor | None:
        """Leave out what is settled. Returns int64 positions, among the voxels followed so far, of those still followed; None: all."""
        ...


class VolumePasses:
    """Passes of a 3-D network over the whole volume at once.

    Args:
        network: from :func:`~gliolabel.inference.dropout.sampling_copy`.
        image: float32 (channels, d, h, w).
        brain: boolean (d, h, w).
        precision: where and in which format to compute.
        to_regions: the regions' probabilities from the classes'.
    """

    def __init__(self, network: SegmentationNetwork, image: Tensor, *, brain: Tensor, precision: Precision, to_regions: ToRegions) -> None:
        self._network, self._precision, self._to_regions = network, precision, to_regions
        padded, crop = pad(image[None].to(precision.device), network.divisor)
        inside = torch.zeros(padded.shape[2:], dtype=torch.bool)
        inside[crop] = brain
        self._inside = inside.flatten().nonzero()[:, 0].to(precision.device)
        with precision.autocast():
            self._stem = network.stem(padded.contiguous(memory_format=torch.channels_last_3d))

    def run(self) -> Tensor:
        """See :class:`Passes`."""
        with self._precision.autocast():
            logits = self._network.finish(self._stem)
        # Rows of a channels-last tensor are voxels: only those of the brain go on.
        rows = logits[0].movedim(0, -1).flatten(0, 2)[self._inside]
        return self._to_regions(rows.T[None].float().softmax(1))[0].cpu()

    def settle(self) -> None:
        """Nothing: every part of the volume is within sight of the others."""


@dataclass(frozen=True)
class _Part:
    """Slices that the network sees together: which they are, their stem, where their brain lies, what undoes the padding."""

    chosen: Tensor
    stem: tuple[Tensor, ...]
    box: tuple[slice, slice]
    crop: tuple[slice, ...]


class SlicePasses:
    """Passes of a 2-D network over the slices of one plane.

    Args:
        network: from :func:`~gliolabel.inference.dropout.sampling_copy`.
        image: float32 (channels, d, h, w).
        brain: boolean (d, h, w).
        plane: the plane, of :data:`~gliolabel.inference.volume_pass.PLANES`.
        precision: where and in which format to compute.
        to_regions: the regions' probabilities from the classes'.
        regions: how many regions.
        at_once: slices in one batch.
    """

    def __init__(
        self,
        network: SegmentationNetwork,
        image: Tensor,
        *,
        brain: Tensor,
        plane: str,
        precision: Precision,
        to_regions: ToRegions,
        regions: int,
        at_once: int = SLICES_AT_ONCE,
    ) -> None:
        self._network, self._precision, self._to_regions, self._at_once = network, precision, to_regions, at_once
        self._axis, order = PLANES[plane]
        self._result = torch.zeros(regions, *image.shape[1:])
        self._stack = self._slices(image, order)
        self._into = self._slices(self._result, order)  # a view: what is written here stands in the result
        self._followed = brain.flatten().nonzero()[:, 0]
        self._peaks = torch.zeros(len(self._stack))
        self._parts: list[_Part] = []
        self._plan(torch.arange(len(self._stack)))

    def run(self) -> Tensor:
        """See :class:`Passes`."""
        with self._precision.autocast():  # around all parts: weights are cast once
            for part in self._parts:
                logits = self._network.finish(part.stem)
                found = self._to_regions(logits[..., part.crop[0], part.crop[1]].float().softmax(1)).cpu()
                self._peaks[part.chosen] = torch.maximum(self._peaks[part.chosen], found.flatten(1).amax(dim=1))
                rows, columns = part.box
                self._into[part.chosen, :, rows, columns] = found
        return self._result.flatten(1)[:, self._followed]

    def settle(self) -> Tensor:
        """See :class:`Passes`."""
        busy = self._peaks > SETTLED_BELOW
        near = torch.nn.functional.max_pool1d(busy[None, None].float(), 2 * SLICES_KEPT_BESIDE + 1, stride=1, padding=SLICES_KEPT_BESIDE)
        kept = near[0, 0] > 0
        self._plan(kept.nonzero()[:, 0])
        still = torch.zeros(self._result.shape[1:], dtype=torch.bool)
        still.movedim(self._axis, 0)[kept] = True
        positions = still.flatten()[self._followed].nonzero()[:, 0]
        self._followed = self._followed[positions]
        return positions

    def _plan(self, slices: Tensor) -> None:
        self._parts = []
        with self._precision.autocast():
            for chosen in slices.split(self._at_once):
                part = self._stack[chosen]
                box = brain_box(part)
                padded, crop = pad(part[(..., *box)].to(self._precision.device), self._network.divisor)
                stem = self._network.stem(padded.contiguous(memory_format=torch.channels_last))
                self._parts.append(_Part(chosen, stem, box=box, crop=crop))

    def _slices(self, volume: Tensor, order: tuple[int, int]) -> Tensor:
        stack = volume.movedim(self._axis + 1, 0)
        return stack if order == (0, 1) else stack.transpose(-1, -2)
