"""Where the brain is in a skull-stripped volume, and its intensities in comparable units."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from gliolabel.studies.background import background_value

#: Percentiles of the brain's intensities between which mean and standard deviation are taken: one bright voxel (32767 in
#: a volume whose brain ends at 600) must not shrink the rest to nothing.
CLIP_PERCENTILES = (0.5, 99.5)

#: Normalised intensities are limited to this many standard deviations.
LIMIT = 5.0


def brain_mask(volumes: Iterable[np.ndarray]) -> np.ndarray:
    """Boolean (z, y, x) mask of the voxels that differ from the background in any of the volumes.

    On data with the skull still in, this is the head: normalisation then uses the head's statistics.
    """
    mask: np.ndarray | None = None
    for volume in volumes:
        inside = volume != background_value(volume)
        mask = inside if mask is None else mask | inside
    if mask is None:
        raise ValueError("no volume was given")
    return mask


def normalise(volume: np.ndarray, brain: np.ndarray) -> np.ndarray:
    """Zero mean and unit standard deviation inside the brain, 0 outside, limited to +-:data:`LIMIT`.

    Args:
        volume: (z, y, x), any numeric type.
        brain: boolean (z, y, x).

    Returns:
        float32 (z, y, x).
    """
    values = volume[brain].astype(np.float32)
    low, high = np.percentile(values, CLIP_PERCENTILES)
    values = np.clip(values, low, high)
    result = np.zeros(volume.shape, dtype=np.float32)
    scale = max(float(values.std()), 1e-6)
    result[brain] = np.clip((volume[brain].astype(np.float32) - float(values.mean())) / scale, -LIMIT, LIMIT)
    return result
