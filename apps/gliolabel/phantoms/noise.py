"""Smooth random fields and soft edges, the material phantoms are made of."""

from __future__ import annotations

import numpy as np

from gliolabel.phantoms.space import Space


def smooth_noise(space: Space, rng: np.random.Generator, *, scale_mm: float) -> np.ndarray:
    """A random field without preferred place: mean about 0, standard deviation 1, features about ``scale_mm`` wide.

    Gaussian bumps of random height on a coarse lattice, summed axis by axis, so that it costs three matrix products.

    Args:
        space: where to make it.
        rng: source of the heights.
        scale_mm: distance of the bumps, and their width.

    Returns:
        float32 (z, y, x).
    """
    weights = [_bumps(axis, scale_mm) for axis in (space.z, space.y, space.x)]
    field = rng.standard_normal([w.shape[1] for w in weights]).astype(np.float32)
    for axis, weight in enumerate(weights):
        field = np.moveaxis(np.tensordot(weight, field, axes=(1, axis)), 0, axis)
    field -= field.mean()
    return np.ascontiguousarray(field / (field.std() + 1e-6), dtype=np.float32)


def _bumps(axis: np.ndarray, scale_mm: float) -> np.ndarray:
    """Weights (voxels, bumps) of Gaussian bumps, each voxel's squares summing to 1."""
    positions = np.arange(axis.min() - 2 * scale_mm, axis.max() + 3 * scale_mm, scale_mm)
    weights = np.exp(-0.5 * ((axis[:, None] - positions) / (0.6 * scale_mm)) ** 2)
    return np.asarray(weights / np.sqrt((weights**2).sum(axis=1, keepdims=True)), dtype=np.float32)


def soft_step(distance: np.ndarray, width: float) -> np.ndarray:
    """0 far below zero, 1 far above, with a soft edge ``width`` wide: how much of a voxel lies inside."""
    return np.asarray(np.clip(distance / (2.0 * width) + 0.5, 0.0, 1.0), dtype=np.float32)
