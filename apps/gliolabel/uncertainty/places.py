"""Where to look first: the most uncertain places of a case, worst first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import ndimage

from gliolabel.studies import Grid
from gliolabel.vocabulary import REGIONS

Kind = Literal["edge", "inside", "far"]

#: Width in mm over which a map is averaged before its peaks are taken: smaller peaks are not worth a look of their own.
PEAK_MM = 2.0

#: A place reaches at most this far (mm) from its peak: the doubtful shell of a large tumour is many places, not one.
REACH_MM = 12.0

#: A place's voxels have at least this share of its peak.
SHARE_OF_PEAK = 0.5

#: What lies this close (mm) to a place is seen with it and makes no place of its own: the halo of a smooth peak, or its other half.
SEEN_MM = 5.0

#: Peaks below this standard deviation are not shown.
LEAST_UNCERTAINTY = 0.05

#: A place whose centre lies this close (mm) to the mask's border is at its edge; outside the mask beyond it, far.
EDGE_MM = 3.0


@dataclass(frozen=True)
class Place:
    """One place to look at.

    Args:
        position: LPS position in mm of its centre, which is one of its own voxels.
        index: the same as array index (z, y, x).
        region: the region in doubt: WT, TC or ET.
        kind: ``edge`` of the mask, ``inside`` it, or ``far`` from any.
        score: mean of the map over the place.
        volume_ml: volume of the place in mL.
        doubt_ml: mL of the mask that are expected to be wrong in the place, by which places are ranked.
    """

    position: tuple[float, float, float]
    index: tuple[int, int, int]
    region: str
    kind: Kind
    score: float
    volume_ml: float
    doubt_ml: float

    @property
    def text(self) -> str:
        """Why to look, e.g. ``ET: edge, 0.31, 1.2 mL in doubt``."""
        return f"{self.region}: {self.kind}, {self.score:.2f}, {self.volume_ml:.2g} mL in doubt"


def places_to_look(
    by_region: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    k: int = 5,
    regions: Sequence[str] = tuple(REGIONS),
    expected_error: np.ndarray | None = None,
) -> list[Place]:
    """The ``k`` most uncertain places, worst first; fewer when there are fewer.

    A place is a connected part of the map around a peak; places do not overlap and lie apart. They are ranked by how many voxels of
    the mask are expected to be wrong in them.

    Args:
        by_region: float (regions, z, y, x) uncertainty (``std``) of each region.
        mask: uint8 (z, y, x), values 0..3.
        grid: the grid of both.
        k: how many, at least 1.
        regions: names of the regions, by default WT, TC, ET.
        expected_error: float (regions, z, y, x), the probability that the mask is wrong (:func:`expected_error_map`); without it the map
            itself stands for that.

    Raises:
        ValueError: shapes differ from the grid's, or ``k`` is below 1.
    """
    wrong = by_region if expected_error is None else expected_error
    if wrong.shape != by_region.shape:
        raise ValueError(f"expected_error has shape {wrong.shape}, the map {by_region.shape}; expected the same")
    if by_region.shape != (len(regions), *grid.shape) or mask.shape != grid.shape:
        raise ValueError(f"map {by_region.shape} and mask {mask.shape} do not lie on a grid of shape {grid.shape}")
    if k < 1:
        raise ValueError(f"k is {k}; expected at least 1")
    whole = by_region.max(axis=0)
    box = _box(whole >= LEAST_UNCERTAINTY / 2, grid)
    if box is None:
        return []
    spacing = np.asarray(grid.spacing[::-1])
    values, masks, errors = whole[box], mask[box], wrong[(slice(None), *box)]
    offset = tuple(part.start for part in box)
    left = ndimage.gaussian_filter(values, PEAK_MM / spacing)
    to_border = _distance_to_border(masks > 0, spacing)
    places: list[Place] = []
    # A small peak can hold more doubt than a sharp one: look at more peaks than are asked for, then rank.
    for _ in range(3 * k):
        peak = np.unravel_index(int(left.argmax()), left.shape)
        if left[peak] < LEAST_UNCERTAINTY:
            break
        component, window = _component(left, (int(peak[0]), int(peak[1]), int(peak[2])), spacing)
        inside = values[window][component]
        index = _centre(component, inside, window)
        expected = errors[(slice(None), *window)][:, component]
        full = (index[0] + offset[0], index[1] + offset[1], index[2] + offset[2])
        places.append(
            Place(
                position=grid.position(full),
                index=full,
                region=regions[int(expected.sum(axis=1).argmax())],
                kind=_kind(bool(masks[index]), float(to_border[index])),
                score=float(inside.mean()),
                volume_ml=float(component.sum()) * grid.voxel_ml,
                doubt_ml=float(expected.max(axis=0).sum()) * grid.voxel_ml,
            )
        )
        _clear_around(left, component, window, spacing)
    return sorted(places, key=lambda place: -place.doubt_ml)[:k]


def _box(doubtful: np.ndarray, grid: Grid) -> tuple[slice, slice, slice] | None:
    spans = [np.flatnonzero(doubtful.any(axis=tuple(a for a in range(3) if a != axis))) for axis in range(3)]
    if not len(spans[0]):
        return None
    reach = [int(np.ceil(REACH_MM / s)) for s in grid.spacing[::-1]]
    z, y, x = (slice(max(0, int(hits[0]) - r), int(hits[-1]) + r + 1) for hits, r in zip(spans, reach, strict=True))
    return z, y, x


def _component(left: np.ndarray, peak: tuple[int, int, int], spacing: np.ndarray) -> tuple[np.ndarray, tuple[slice, slice, slice]]:
    reach = np.ceil(REACH_MM / spacing).astype(int)
    z, y, x = (slice(max(0, p - int(r)), p + int(r) + 1) for p, r in zip(peak, reach, strict=True))
    part = left[z, y, x]
    here = tuple(p - w.start for p, w in zip(peak, (z, y, x), strict=True))
    distances = [(np.arange(n) - h) * s for n, h, s in zip(part.shape, here, spacing, strict=True)]
    squared = sum(d.reshape([-1 if a == axis else 1 for a in range(3)]) ** 2 for axis, d in enumerate(distances))
    labelled, _ = ndimage.label((part >= SHARE_OF_PEAK * left[peak]) & (squared <= REACH_MM**2), structure=np.ones((3, 3, 3)))
    return labelled == labelled[here], (z, y, x)


def _clear_around(left: np.ndarray, component: np.ndarray, window: tuple[slice, slice, slice], spacing: np.ndarray) -> None:
    """Set to 0 the component and what lies within :data:`SEEN_MM` of it, so that no further peak is found there."""
    reach = np.ceil(SEEN_MM / spacing).astype(int)
    starts = [max(0, part.start - int(r)) for part, r in zip(window, reach, strict=True)]
    stops = [min(size, part.stop + int(r)) for part, r, size in zip(window, reach, left.shape, strict=True)]
    z, y, x = (slice(start, stop) for start, stop in zip(starts, stops, strict=True))
    outside = np.ones([stop - start for start, stop in zip(starts, stops, strict=True)], dtype=bool)
    inner = tuple(slice(part.start - s, part.start - s + n) for part, s, n in zip(window, starts, component.shape, strict=True))
    outside[inner] = ~component
    left[z, y, x][ndimage.distance_transform_edt(outside, spacing) <= SEEN_MM] = 0


def _centre(component: np.ndarray, weights: np.ndarray, window: tuple[slice, slice, slice]) -> tuple[int, int, int]:
    voxels = np.argwhere(component)
    # The centre of mass of a curved shell can lie outside it: take the shell's voxel closest to it.
    mass = np.average(voxels, axis=0, weights=weights + 1e-6)
    nearest = voxels[int(((voxels - mass) ** 2).sum(axis=1).argmin())]
    z, y, x = (int(n) + w.start for n, w in zip(nearest, window, strict=True))
    return z, y, x


def _distance_to_border(mask: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    if not mask.any():
        return np.full(mask.shape, np.inf)
    inner = ndimage.distance_transform_edt(mask, spacing)
    return np.where(mask, inner, ndimage.distance_transform_edt(~mask, spacing))


def _kind(inside: bool, to_border: float) -> Kind:
    if to_border <= EDGE_MM:
        return "edge"
    return "inside" if inside else "far"
