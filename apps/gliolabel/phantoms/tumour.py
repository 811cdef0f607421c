"""An irregular glioma: necrotic core, enhancing rim, edema that spreads in white matter."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from gliolabel.phantoms.anatomy import Anatomy
from gliolabel.phantoms.noise import smooth_noise
from gliolabel.phantoms.space import Space
from gliolabel.vocabulary import LABELS


def make_tumour(space: Space, anatomy: Anatomy, rng: np.random.Generator) -> np.ndarray:
    """Labels of a tumour in one hemisphere, uint8 (z, y, x), values of :data:`gliolabel.vocabulary.LABELS`."""
    side = rng.choice((-1.0, 1.0))
    centre = (rng.uniform(8, 30), rng.uniform(-42, 38), side * rng.uniform(28, 36))
    size, swelling = rng.uniform(15, 22), rng.uniform(10, 19)
    shape = rng.uniform(0.85, 1.2, 3)
    squared = sum(((axis - c) * s) ** 2 for axis, c, s in zip(space.points, centre, shape, strict=True))
    coarse, fine, rims, spread = (smooth_noise(space, rng, scale_mm=scale) for scale in (11.0, 5.0, 8.0, 14.0))
    distance = np.sqrt(squared) + 3.0 * coarse + 0.9 * fine

    to_midline = side * space.points[2]
    own_side = to_midline > 2.0 + coarse
    possible = anatomy.brain & own_side & (anatomy.fluid < 0.5) & (anatomy.depth > 2.0)
    core = (distance < size) & anatomy.brain & own_side & (anatomy.depth > 2.0)
    thickness = np.clip(5.0 + 2.6 * rims + 1.0 * fine, 1.8, None) + max(0.0, max(space.spacing) - 2.0)
    necrosis = core & (distance < size - thickness)
    # Edema follows white matter and spares the cortex.
    reach = size + swelling + 4.5 * spread - 9.0 * anatomy.grey - np.maximum(0.0, 16.0 - to_midline)
    edema = possible & (distance < reach) & ~core
    labels = np.zeros(space.shape, np.uint8)
    labels[edema] = LABELS["edema"]
    labels[core] = LABELS["enhancing tumor"]
    labels[necrosis] = LABELS["necrosis"]
    return _largest(labels)


def _largest(labels: np.ndarray) -> np.ndarray:
    parts, count = ndimage.label(labels > 0)
    if count <= 1:
        return labels
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return np.where(parts == sizes.argmax(), labels, 0).astype(np.uint8)
