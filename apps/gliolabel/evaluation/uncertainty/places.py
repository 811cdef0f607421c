"""Places to look at against what is truly wrong: how much of the error do they show?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy import ndimage
from scipy.signal import fftconvolve
from scipy.spatial import KDTree

from gliolabel.uncertainty.places import SEEN_MM

#: Places that count, and draws of as many random ones on the mask's border.
PLACES: Final = 5
DRAWS: Final = 100


def share_seen(wrong: np.ndarray, places: Sequence[Sequence[int]] | np.ndarray, *, spacing: Sequence[float]) -> float | None:
    """Share of the wrong voxels that lie within :data:`~gliolabel.uncertainty.places.SEEN_MM` of a place.

    Args:
        wrong: boolean (z, y, x).
        places: array indices (z, y, x).
        spacing: voxel edges (z, y, x) in mm.

    Returns:
        0 to 1, None where nothing is wrong.
    """
    voxels = np.argwhere(wrong)
    if not len(voxels):
        return None
    if not len(places):
        return 0.0
    edges = np.asarray(spacing)
    distance, _ = KDTree(np.asarray(places) * edges).query(voxels * edges, distance_upper_bound=SEEN_MM + 1e-6)
    return float(np.isfinite(distance).mean())


def most_seen(wrong: np.ndarray, *, count: int, spacing: Sequence[float]) -> float | None:
    """What ``count`` places could show if the truth were known: places are taken one by one where they show most; about the most there is.

    Args:
        wrong: see :func:`share_seen`.
        count: how many places.
        spacing: see there.
    """
    total = int(wrong.sum())
    if not total:
        return None
    reach = [int(SEEN_MM // s) for s in spacing]
    axes = np.ogrid[tuple(slice(-r, r + 1) for r in reach)]
    ball = np.less_equal(sum((axis * s) ** 2 for axis, s in zip(axes, spacing, strict=True)), SEEN_MM**2)
    spans = [np.flatnonzero(wrong.any(axis=tuple(a for a in range(3) if a != axis))) for axis in range(3)]
    left = np.pad(wrong[tuple(slice(int(s[0]), int(s[-1]) + 1) for s in spans)], [(r, r) for r in reach]).astype(np.float32)
    for _ in range(count):
        seen = _sums_over(left, ball)
        if seen.max() < 0.5:  # nothing is left but the rounding of the transform
            break
        z, y, x = np.unravel_index(int(seen.argmax()), seen.shape)
        window = tuple(slice(int(p) - r, int(p) + r + 1) for p, r in zip((z, y, x), reach, strict=True))
        left[window][ball] = 0
    return float(1 - left.sum() / total)


def seen_at_random(wrong: np.ndarray, mask: np.ndarray, *, count: int, spacing: Sequence[float], draws: int = DRAWS) -> float | None:
    """What as many places show that are drawn at random on the mask's border: the mean over draws with seeds 0, 1, ...

    Args:
        wrong: see :func:`share_seen`.
        mask: uint8 (z, y, x); its border are the voxels of the tumour that touch what is none.
        count: how many places.
        spacing: see there.
        draws: how many draws.
    """
    tumour = mask > 0
    border = np.argwhere(tumour & ~ndimage.binary_erosion(tumour))
    shares = []
    for seed in range(draws):
        chosen = np.random.default_rng(seed).permutation(len(border))[:count]
        shares.append(share_seen(wrong, border[chosen], spacing=spacing))
    known = [share for share in shares if share is not None]
    return float(np.mean(known)) if known else None


def _sums_over(volume: np.ndarray, ball: np.ndarray) -> np.ndarray:
    """Sum over the ball around each voxel that lies no closer to the volume's faces than the ball reaches; 0 at the others."""
    found = np.zeros_like(volume)
    inner = tuple(slice(n // 2, size - n // 2) for n, size in zip(ball.shape, volume.shape, strict=True))
    found[inner] = fftconvolve(volume, ball.astype(np.float32), mode="valid")
    return found
