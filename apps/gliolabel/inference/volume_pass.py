"""One forward run over a whole prepared volume: all slices of a 2-D network, or one block (or windows) of a 3-D network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from monai.inferers import sliding_window_inference
from torch import Tensor
from torch.nn import functional as F

from gliolabel.inference.precision import Precision
from gliolabel.networks import SegmentationNetwork

#: For each plane: the volume axis (z, y, x) that is sliced along, and the order in which the other two become height and
#: width. The longest extent of a brain, front to back, always lies along the width.
PLANES: dict[str, tuple[int, tuple[int, int]]] = {"axial": (0, (1, 0)), "coronal": (1, (0, 1)), "sagittal": (2, (0, 1))}

#: Slices that a 2-D network reads at once: enough to keep two cores busy, small enough for any memory.
SLICES_AT_ONCE = 8

#: Pixels kept around the brain in a batch of slices.
SLICE_MARGIN = 4

#: Share by which windows overlap when a volume does not fit in one pass.
WINDOW_OVERLAP = 0.5

#: Called between parts of a pass; raises to stop it.
Checkpoint = Callable[[], None]


def whole_volume_3d(network: SegmentationNetwork, image: Tensor, *, precision: Precision) -> Tensor:
    """Class probabilities of a 3-D network from one pass over the whole volume.

    Args:
        network: returns logits; its ``divisor`` is what sizes are padded to.
        image: float32 (4, d, h, w), on any device.
        precision: where and in which format to compute.

    Returns:
        float32 (classes, d, h, w) on the device of ``precision``.
    """
    padded, crop = pad(image[None].to(precision.device), network.divisor)
    with precision.autocast():
        logits = network(padded.contiguous(memory_format=torch.channels_last_3d))
    return logits[0][(..., *crop)].float().softmax(0)


def windows_3d(
    network: SegmentationNetwork,
    image: Tensor,
    *,
    window: int,
    precision: Precision,
    stitch_on: torch.device,
    pause: Checkpoint | None = None,
) -> Tensor:
    """As :func:`whole_volume_3d`, in overlapping windows with Gaussian weights, for when one pass does not fit in memory.

    Args:
        network: see there.
        image: see there.
        window: edge length of the cubic windows in voxels.
        precision: see there.
        stitch_on: device that holds the sum over windows; the CPU keeps the accelerator's memory free.
        pause: called between windows.

    Returns:
        float32 (classes, d, h, w) on ``stitch_on``.
    """

    def one_window(patch: Tensor) -> Tensor:
        if pause is not None:
            pause()
        with precision.autocast():
            return network(patch).float()

    logits = sliding_window_inference(
        image[None].to(stitch_on),
        roi_size=(window,) * 3,
        sw_batch_size=1,
        predictor=one_window,
        overlap=WINDOW_OVERLAP,
        mode="gaussian",
        sw_device=precision.device,
        device=stitch_on,
    )
    assert isinstance(logits, Tensor)
    return logits[0].softmax(0)


def slices_2d(
    network: SegmentationNetwork,
    image: Tensor,
    *,
    planes: Sequence[str],
    precision: Precision,
    at_once: int = SLICES_AT_ONCE,
    pause: Checkpoint | None = None,
) -> Tensor:
    """Class probabilities of a 2-D network, averaged over planes.

    Args:
        network: returns logits; its ``divisor`` is what sizes are padded to.
        image: float32 (4, d, h, w), on any device.
        planes: the planes to slice along, of :data:`PLANES`.
        precision: where and in which format to compute.
        at_once: slices in one batch.
        pause: called between batches.

    Returns:
        float32 (classes, d, h, w) on the CPU.
    """
    total: Tensor | None = None
    with precision.autocast():  # around all batches: weights are cast once
        for plane in planes:
            axis, order = PLANES[plane]
            stack = image.movedim(axis + 1, 0)
            stack = stack if order == (0, 1) else stack.transpose(-1, -2)
            for start, probabilities in _batches(network, stack, precision=precision, at_once=at_once, pause=pause):
                if total is None:
                    total = torch.zeros(probabilities.shape[1], *image.shape[1:])
                straight = probabilities if order == (0, 1) else probabilities.transpose(-1, -2)
                total.movedim(axis + 1, 0)[start : start + len(straight)] += straight
    if total is None:
        raise ValueError("no plane was given")
    return total if len(planes) == 1 else total / len(planes)


def _batches(
    network: SegmentationNetwork, stack: Tensor, *, precision: Precision, at_once: int, pause: Checkpoint | None
) -> Iterator[tuple[int, Tensor]]:
    for start in range(0, len(stack), at_once):
        if pause is not None:
            pause()
        part = stack[start : start + at_once]
        brain = brain_box(part)
        padded, crop = pad(part[(..., *brain)].to(precision.device), network.divisor)
        logits = network(padded.contiguous(memory_format=torch.channels_last))
        inside = logits[(..., *crop)].float().softmax(1).cpu()
        # Where there is no brain there is no tumour, and nothing to compute.
        probabilities = torch.zeros(len(part), inside.shape[1], *part.shape[2:])
        probabilities[:, 0] = 1.0
        probabilities[(..., *brain)] = inside
        yield start, probabilities


def brain_box(slices: Tensor) -> tuple[slice, slice]:
    """Rows and columns that hold the brain of any of the slices (batch, channels, height, width), with a margin."""
    brain = (slices != 0).any(dim=0).any(dim=0)
    box = []
    for line in (brain.any(dim=1), brain.any(dim=0)):
        hits = line.nonzero()
        low, high = (int(hits[0]), int(hits[-1]) + 1) if len(hits) else (0, 1)
        box.append(slice(max(0, low - SLICE_MARGIN), min(len(line), high + SLICE_MARGIN)))
    return box[0], box[1]


def pad(batch: Tensor, divisor: int) -> tuple[Tensor, tuple[slice, ...]]:
    """Zeros on both sides up to multiples of ``divisor``, and the slices that undo it."""
    pads: list[int] = []
    crop: list[slice] = []
    for size in batch.shape[2:]:
        missing = -size % divisor
        pads[:0] = [missing // 2, missing - missing // 2]
        crop.append(slice(missing // 2, missing // 2 + size))
    return (F.pad(batch, pads) if any(pads) else batch), tuple(crop)
