"""Whether a volume fits in one pass, from what a pass of each network was measured to need."""

from __future__ import annotations

import psutil
import torch

from gliolabel.recipes import Recipe

_GIB = 2**30

#: Peak bytes per voxel and per channel of the finest level during one pass of a 3-D U-Net with normalisation, all live
#: tensors together. Measured by `gliolabel benchmark`; rounded up by about a third.
BYTES_PER_VOXEL_AND_CHANNEL = 28

#: Share of the free memory that one pass may take: other requests and the results need the rest.
USABLE_SHARE = 0.7

#: Edge lengths of windows, largest first, when a volume does not fit in one pass.
WINDOWS = (128, 96, 64)


def free_bytes(device: torch.device) -> int:
    """Bytes that a new allocation could have on the device now."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return psutil.virtual_memory().available


def needed_bytes(recipe: Recipe, shape: tuple[int, ...]) -> int:
    """Peak bytes of one pass of a 3-D network over a volume.

    Args:
        recipe: the network's recipe.
        shape: the volume's spatial shape.
    """
    voxels = 1
    for n in shape:
        voxels *= n + 16
    return voxels * recipe.network.channels[0] * BYTES_PER_VOXEL_AND_CHANNEL


def window_for(recipe: Recipe, shape: tuple[int, ...], *, device: torch.device, limit_gib: float | None) -> int | None:
    """Edge length of the windows to segment a volume in, or None for one pass over the whole.

    Args:
        recipe: the network's recipe (3-D).
        shape: the volume's spatial shape.
        device: where the network runs.
        limit_gib: memory it may take in GiB, on top of what is free being respected.
    """
    budget = USABLE_SHARE * free_bytes(device)
    if limit_gib is not None:
        budget = min(budget, limit_gib * _GIB)
    if needed_bytes(recipe, shape) <= budget:
        return None
    return next((w for w in WINDOWS if needed_bytes(recipe, (w, w, w)) <= budget), WINDOWS[-1])
