"""From classes to regions, and from passes to a case's scores."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from gliolabel.inference.masks import most_probable
from gliolabel.metrics import region_masks
from gliolabel.preprocessing import Prepared
from gliolabel.uncertainty.running import RunningMaps
from gliolabel.uncertainty.scores import band_mean, variation_of
from gliolabel.vocabulary import REGIONS


def sum_regions(foreground: np.ndarray) -> np.ndarray:
    """float32 (3, z, y, x) probabilities of WT, TC, ET from those of classes 1 to 3."""
    sums = [sum(foreground[v - 1] for v in values) for values in REGIONS.values()]
    return np.clip(np.stack(sums), 0.0, 1.0).astype(np.float32)


def regions_inside(regions: Tensor, *, tumour_threshold: float | None) -> Tensor:
    """Which regions a voxel of a pass belongs to, in a mask made as the served one is, but with its islands.

    Args:
        regions: float32 (3, voxels) on the CPU, probabilities of WT, TC, ET: sums of those of the classes.
        tumour_threshold: see :func:`~gliolabel.inference.masks.most_probable`.

    Returns:
        bool (3, voxels).
    """
    whole, core, enhancing = regions.numpy()
    mask = most_probable(np.stack([core - enhancing, whole - core, enhancing]), tumour_threshold=tumour_threshold)
    return torch.from_numpy(region_masks(mask))


def region_scores(running: RunningMaps, std: np.ndarray, mask: np.ndarray, prepared: Prepared) -> dict[str, dict[str, float | None]]:
    """How far the passes disagree about each region as a whole.

    Args:
        running: all passes.
        std: float32 (3, z, y, x) standard deviation on the reference grid.
        mask: uint8 (z, y, x), the served mask.
        prepared: the case.

    Returns:
        By region ``band_mean`` (of ``std`` around the mask's border, None without a mask), ``volume_cv``, ``pairwise_dice``, and the
        90 % interval of the volume, ``volume_ml_p05`` and ``volume_ml_p95``.
    """
    # Passes lie on the working grid, whose voxels may differ from the reference grid's.
    found = agreement_scores(running, voxel_ml=prepared.working.voxel_ml)
    masks = region_masks(mask)
    brain = prepared.restore(prepared.brain.numpy().astype(np.float32)) > 0.5
    return {
        name: {"band_mean": band_mean(std[i], masks[i], spacing=prepared.grid.spacing[::-1], within=brain), **found[i]}
        for i, name in enumerate(REGIONS)
    }


def agreement_scores(running: RunningMaps, *, voxel_ml: float) -> list[dict[str, float]]:
    """What passes say of the regions without any map, in the order of the regions.

    Args:
        running: all passes.
        voxel_ml: volume of a voxel of the passes in mL.

    Returns:
        Of each region ``volume_cv``, ``pairwise_dice``, and the 90 % interval of the volume, ``volume_ml_p05`` and ``volume_ml_p95``.
    """
    volumes = np.stack(running.voxels) * voxel_ml
    low, high = np.percentile(volumes, [5, 95], axis=0)
    names = ("volume_cv", "pairwise_dice", "volume_ml_p05", "volume_ml_p95")
    return [
        dict(zip(names, map(float, values), strict=True))
        for values in zip(variation_of(volumes), running.pairwise_dice(), low, high, strict=True)
    ]
