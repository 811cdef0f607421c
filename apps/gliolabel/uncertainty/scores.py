"""Region scores from Monte-Carlo samples: how far the passes disagree about a structure as a whole."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

#: Half width in mm of the band around a mask's border over which a map is averaged.
BAND_MM = 3.0


def volume_variation(samples: ArrayLike) -> np.ndarray:
    """Coefficient of variation (population standard deviation / mean) of each region's volume over the passes.

    Args:
        samples: (passes, regions, *space), probabilities; a voxel belongs to a region above 0.5.

    Returns:
        float64 (regions,); 0 where every pass is empty. Source: Roy et al. 2019 (Bayesian QuickNAT).
    """
    return variation_of(_masks(samples).sum(axis=-1).astype(np.float64))


def pairwise_dice(samples: ArrayLike) -> np.ndarray:
    """Mean Dice over all pairs of passes for each region. Two empty masks agree: 1.

    Args:
        samples: (passes, regions, *space), probabilities; a voxel belongs to a region above 0.5.

    Returns:
        float64 (regions,); 1 for a single pass. Source: Roy et al. 2019; Zenk et al. 2025.
    """
    masks = _masks(samples)
    return np.array([pairwise_dice_of((m := masks[:, r].astype(np.float64)) @ m.T) for r in range(masks.shape[1])])


def variation_of(volumes: np.ndarray) -> np.ndarray:
    """Coefficient of variation over the first axis of (passes, regions) volumes; 0 where the mean is 0."""
    mean = volumes.mean(axis=0)
    return np.divide(volumes.std(axis=0), mean, out=np.zeros_like(mean), where=mean > 0)


def pairwise_dice_of(overlaps: np.ndarray) -> float:
    """Mean Dice over pairs from the matrix of overlaps.

    Args:
        overlaps: (passes, passes), voxels that two passes share; each pass's own volume on the diagonal.
    """
    passes = len(overlaps)
    if passes < 2:
        return 1.0
    first, second = np.triu_indices(passes, k=1)
    volumes = np.diag(overlaps)
    total = volumes[first] + volumes[second]
    dice = np.divide(2 * overlaps[first, second], total, out=np.ones(len(first)), where=total > 0)
    return float(dice.mean())


def band_mean(values: np.ndarray, mask: np.ndarray, *, spacing: tuple[float, ...], within: np.ndarray | None = None) -> float | None:
    """Mean of a map in the band of :data:`BAND_MM` around a mask's border. Never averaged over air or the far brain.

    Args:
        values: (z, y, x).
        mask: boolean (z, y, x).
        spacing: voxel edges in mm in array order (z, y, x).
        within: boolean (z, y, x): voxels that may count (the brain).

    Returns:
        The mean, or None for an empty mask.
    """
    if not mask.any():
        return None
    reach = [int(np.ceil(BAND_MM / s)) + 1 for s in spacing]
    spans = [(int(i.min()), int(i.max())) for i in np.nonzero(mask)]
    box = tuple(slice(max(0, low - r), high + r + 1) for (low, high), r in zip(spans, reach, strict=True))
    inside = mask[box]
    distance = np.where(inside, ndimage.distance_transform_edt(inside, spacing), ndimage.distance_transform_edt(~inside, spacing))
    band = distance <= BAND_MM
    if within is not None:
        band &= within[box]
    return float(values[box][band].mean()) if band.any() else None


def _masks(samples: ArrayLike) -> np.ndarray:
    values = np.asarray(samples)
    if values.ndim < 3 or values.shape[0] == 0:
        raise ValueError(f"samples have shape {values.shape}; expected (passes, regions, *space) with at least one pass")
    return (values > 0.5).reshape(*values.shape[:2], -1)
