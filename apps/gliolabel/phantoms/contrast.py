"""How bright each tissue is in each sequence.

The numbers are medians over 10 cases of BraTS 2018 and 2021, relative to white matter of the same volume and sequence;
the spreads are within a case.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from scipy import ndimage

from gliolabel.phantoms.anatomy import Anatomy
from gliolabel.phantoms.noise import smooth_noise
from gliolabel.phantoms.space import Space
from gliolabel.vocabulary import LABELS, SEQUENCES

_TISSUES: Final[tuple[str, ...]] = ("white", "grey", "fluid", "vessel", "necrosis", "edema", "enhancing tumor")

#: Brightness relative to white matter, in the order of :data:`_TISSUES`.
BRIGHTNESS: Final[Mapping[str, tuple[float, ...]]] = {
    "t1": (1.00, 0.82, 0.52, 0.90, 0.74, 0.89, 0.86),
    "t1ce": (1.00, 0.80, 0.48, 1.70, 0.66, 0.87, 1.52),
    "t2": (1.00, 1.35, 2.80, 1.30, 2.20, 1.65, 1.70),
    "flair": (1.00, 1.20, 0.46, 0.80, 1.70, 1.85, 1.78),
}

#: Spread of the tumour's tissues (necrosis, edema, enhancing tumor) as a part of their brightness.
_TEXTURE: Final[Mapping[str, tuple[float, float, float]]] = {
    "t1": (0.06, 0.05, 0.07),
    "t1ce": (0.12, 0.07, 0.16),
    "t2": (0.15, 0.12, 0.14),
    "flair": (0.16, 0.13, 0.12),
}

#: Unevenness of healthy tissue, and half the noise, relative to white matter.
_UNEVEN: Final[Mapping[str, float]] = {"t1": 0.02, "t1ce": 0.025, "t2": 0.03, "flair": 0.04}


def make_sequences(space: Space, anatomy: Anatomy, labels: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """The four sequences as int16 (z, y, x): 0 outside the brain, at least 1 in it."""
    tissue = _mixture(space, anatomy, labels)
    lumps = 0.8 * smooth_noise(space, rng, scale_mm=9.0) + 0.6 * smooth_noise(space, rng, scale_mm=2.5)
    bias = smooth_noise(space, rng, scale_mm=70.0)
    patches = smooth_noise(space, rng, scale_mm=14.0)
    blur = [0.55 / step for step in space.spacing]
    sequences = {}
    for sequence in SEQUENCES:
        brightness = np.array(BRIGHTNESS[sequence]) * np.exp(rng.normal(0.0, 0.04, len(_TISSUES)))
        brightness[0] = 1.0
        texture = dict(zip(_TISSUES[4:], _TEXTURE[sequence], strict=True))
        image = np.zeros(space.shape, np.float32)
        for name, level in zip(_TISSUES, brightness, strict=True):
            part = tissue[name] * np.float32(level)
            image += part * (1.0 + np.float32(texture[name]) * lumps) if name in texture else part
        image *= 1.0 + 0.04 * rng.choice((-1.0, 1.0)) * bias + _UNEVEN[sequence] * patches
        image += 2.0 * _UNEVEN[sequence] * rng.standard_normal(space.shape, dtype=np.float32)
        image = ndimage.gaussian_filter(image, blur) * rng.uniform(350.0, 900.0)
        sequences[sequence] = np.where(anatomy.brain, np.clip(np.rint(image), 1, 32000), 0).astype(np.int16)
    return sequences


def _mixture(space: Space, anatomy: Anatomy, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Parts of each voxel by tissue; the tumour takes the place of what was there."""
    softness = [0.7 / step for step in space.spacing]
    healthy = np.ones(space.shape, np.float32)
    tumour = {}
    for name, value in LABELS.items():
        tumour[name] = ndimage.gaussian_filter((labels == value).astype(np.float32), softness)
        healthy -= tumour[name]
    solid = healthy * (1.0 - anatomy.vessel)
    return {
        "white": solid * anatomy.white,
        "grey": solid * anatomy.grey,
        "fluid": solid * anatomy.fluid,
        "vessel": healthy * anatomy.vessel,
        **tumour,
    }
