"""A healthy brain without skull: grey and white matter, cerebrospinal fluid, as parts of each voxel.

Ellipsoids give the coarse shape. The cortex folds along the zero surfaces of a random field that is constant along the
radius, so that sulci run inwards; grey matter lines every surface that touches fluid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from gliolabel.phantoms.noise import smooth_noise, soft_step
from gliolabel.phantoms.space import Space


@dataclass(frozen=True)
class Anatomy:
    """Tissue of a brain, float32 (z, y, x), parts of each voxel; white + grey + fluid = 1 in the brain.

    Args:
        brain: True in the brain.
        white: white matter.
        grey: grey matter.
        fluid: cerebrospinal fluid.
        vessel: large veins and plexus, which take up contrast agent.
        depth: approximate distance in mm to the outside, positive in the brain.
    """

    brain: np.ndarray
    white: np.ndarray
    grey: np.ndarray
    fluid: np.ndarray
    vessel: np.ndarray
    depth: np.ndarray


def make_anatomy(space: Space, rng: np.random.Generator) -> Anatomy:
    """A brain of random size, ventricles and folds."""
    # Partial volume: an edge is as soft as half a voxel, and never sharper than the scanners are.
    width = max(0.7, max(space.spacing) / 2)
    head = rng.uniform(0.93, 1.02)
    wobble = smooth_noise(space, rng, scale_mm=28.0)
    cerebrum = _cerebrum(space, head) + 2.2 * wobble
    cerebellum = _ellipsoid(space, centre=(-44, 44, 0), radii=(26 * head, 32 * head, 51 * head)) + 1.2 * wobble
    stem = _ellipsoid(space, centre=(-42, 16, 0), radii=(36, 14, 15))
    depth = np.maximum(np.maximum(cerebrum, cerebellum), stem)
    brain = depth > 0

    to_fluid = _folds(space, rng, cerebrum, wobble=wobble)
    outside_cerebrum = np.maximum(cerebellum, stem) > cerebrum
    folia = 2.4 + 2.2 * np.sin(2 * np.pi * (space.points[0] + 0.35 * space.points[1] + 2.0 * wobble) / 7.0)
    inner = np.where(stem > 1.0, 9.0, np.minimum(folia + 0.12 * cerebellum, cerebellum + 0.6))
    to_fluid = np.where(outside_cerebrum, inner, to_fluid)

    rim = rng.uniform(0.3, 0.8)
    fluid = soft_step(rim - to_fluid, width)
    grey = soft_step(rim + 3.4 - to_fluid, 1.1 * width)
    grey = np.maximum(grey, 0.85 * _deep_grey(space, width))
    ventricles = _ventricles(space, rng.uniform(0.85, 1.25)) + 1.0 * wobble
    inside_ventricle = soft_step(ventricles, width)
    fluid = np.maximum(fluid, inside_ventricle) * brain
    grey = np.clip(np.minimum(grey, 1.0 - fluid), 0.0, 1.0) * brain
    return Anatomy(brain, brain - fluid - grey, grey, fluid, _vessels(space, cerebrum, ventricles, width) * brain, depth)


def _ellipsoid(space: Space, *, centre: tuple[float, float, float], radii: tuple[float, float, float]) -> np.ndarray:
    """Approximate distance in mm to an ellipsoid's surface, positive inside; centre and radii along z, y, x."""
    radius2 = slope2 = np.zeros((1, 1, 1), np.float32)
    for axis, middle, r in zip(space.points, centre, radii, strict=True):
        squared = ((axis - np.float32(middle)) / np.float32(r)) ** 2
        radius2, slope2 = radius2 + squared, slope2 + squared / np.float32(r * r)
    radius = np.sqrt(radius2)
    return np.asarray((1.0 - radius) * (radius + 0.02) / np.sqrt(slope2 + 1e-9), dtype=np.float32)


def _cerebrum(space: Space, head: float) -> np.ndarray:
    hemispheres = _ellipsoid(space, centre=(8, -2, 0), radii=(64 * head, 85 * head, 66 * head))
    base = space.points[0] + 30.0 - 0.1 * np.abs(space.points[1])
    upper = np.minimum(hemispheres, base)
    temporal = np.maximum(*(_ellipsoid(space, centre=(-30, -14, side * 43), radii=(24, 38, 20)) for side in (-1, 1)))
    return np.asarray(np.maximum(upper, temporal), dtype=np.float32)


def _folds(space: Space, rng: np.random.Generator, cerebrum: np.ndarray, *, wobble: np.ndarray) -> np.ndarray:
    """Approximate distance in mm to the nearest fluid around the cerebrum: its surface, a sulcus or the midline."""
    field = smooth_noise(space, rng, scale_mm=7.5) + 0.3 * smooth_noise(space, rng, scale_mm=5.0)
    field = _along_radius(space, field)
    slope = np.sqrt(sum(np.gradient(field, step, axis=axis) ** 2 for axis, step in enumerate(space.spacing)))
    to_sulcus = np.abs(field) / (slope + 0.03) + np.maximum(0.0, cerebrum - (14.0 + 5.0 * wobble)) * 0.45
    to_sulcus = np.where(cerebrum < 1.0, np.maximum(to_sulcus, 1.0), to_sulcus)
    bridge = _ellipsoid(space, centre=(2, -2, 0), radii=(22, 42, 24))
    to_midline = np.abs(space.points[2] + 1.2 * wobble) + np.maximum(0.0, bridge + 3.0)
    return np.asarray(np.minimum(np.minimum(cerebrum + 0.4, to_sulcus), to_midline), dtype=np.float32)


def _along_radius(space: Space, field: np.ndarray) -> np.ndarray:
    """The field of the surface, carried inwards: each point takes the value near the surface above it."""
    z, y, x = space.points
    radius = np.sqrt(((z - 4) / 64) ** 2 + (y / 85) ** 2 + (x / 66) ** 2)
    stretch = (1.0 + 0.75 * (1.0 / np.maximum(radius, 0.3) - 1.0)).astype(np.float32)
    places = [
        np.clip((axis * stretch - values[0]) / step, 0, len(values) - 1)
        for axis, values, step in zip((z, y, x), (space.z, space.y, space.x), space.spacing, strict=True)
    ]
    return np.asarray(ndimage.map_coordinates(field, np.stack(places), order=1, mode="nearest"), dtype=np.float32)


def _deep_grey(space: Space, width: float) -> np.ndarray:
    nuclei = (((1, 6, 11), (9, 15, 9)), ((1, -8, 26), (9, 16, 6)), ((9, -22, 15), (9, 10, 5)))
    parts = [_ellipsoid(space, centre=(z, y, side * x), radii=radii) for (z, y, x), radii in nuclei for side in (-1, 1)]
    return soft_step(np.maximum.reduce(parts), 2.0 * width)


def _ventricles(space: Space, size: float) -> np.ndarray:
    horns = (((15, -4, 9), (6, 30, 5.5)), ((9, -30, 11), (9, 13, 5.5)), ((7, 26, 21), (9, 13, 6.5)), ((3, 42, 24), (5, 14, 4.5)))
    parts = [
        _ellipsoid(space, centre=(z, y, side * x), radii=(size * a, size * b, size * c))
        for (z, y, x), (a, b, c) in horns
        for side in (-1, 1)
    ]
    parts.append(_ellipsoid(space, centre=(-4, 2, 0), radii=(10, 14, 2.0 * size)))
    parts.append(_ellipsoid(space, centre=(-38, 28, 0), radii=(8, 5, 7)))
    return np.maximum.reduce(parts)


def _vessels(space: Space, cerebrum: np.ndarray, ventricles: np.ndarray, width: float) -> np.ndarray:
    z, y, x = space.points
    sinus = soft_step(3.0 - np.hypot(x, np.maximum(cerebrum - 1.5, 0.0)), width) * ((z > 0) & (y > -60))
    plexus = soft_step(ventricles - 4.0, width) * ((np.abs(y - 26) < 8) & (z < 9))
    return np.asarray(np.maximum(sinus, 0.6 * plexus), dtype=np.float32)
