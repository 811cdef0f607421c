"""A phantom case: four sequences and the labels on one grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from gliolabel.phantoms.anatomy import make_anatomy
from gliolabel.phantoms.contrast import make_sequences
from gliolabel.phantoms.space import Space, grid_of
from gliolabel.phantoms.tumour import make_tumour
from gliolabel.studies.grid import Grid

#: The shape (z, y, x) of a BraTS volume.
BRATS_SHAPE: Final[tuple[int, int, int]] = (155, 240, 240)

#: Half the size of the box around the brain in mm (z, y, x).
_HEAD_BOX: Final[tuple[float, float, float]] = (76.0, 94.0, 74.0)


@dataclass(frozen=True)
class Phantom:
    """A synthetic case.

    Args:
        grid: where the voxels lie.
        sequences: int16 (z, y, x) by sequence name, 0 outside the brain.
        labels: uint8 (z, y, x), 1 necrosis, 2 edema, 3 enhancing tumor.
    """

    grid: Grid
    sequences: Mapping[str, np.ndarray]
    labels: np.ndarray


def make_phantom(*, shape: tuple[int, int, int] = BRATS_SHAPE, seed: int | tuple[int, ...] = 0) -> Phantom:
    """Make a brain with a tumour. The same arguments give the same voxels.

    Args:
        shape: voxels along z, y, x (each at least 16); the field of view stays that of BraTS, so fewer are larger.
        seed: chooses anatomy, tumour, brightness and noise.

    Raises:
        ValueError: ``shape`` is too small to show anything.
    """
    if min(shape) < 16:
        raise ValueError(f"shape {shape}: a phantom needs at least 16 voxels along each axis")
    rng = np.random.default_rng(seed)
    whole = Space.of_shape(shape)
    box = whole.box(_HEAD_BOX)
    space = whole.part(box)
    anatomy = make_anatomy(space, rng)
    labels = make_tumour(space, anatomy, rng)
    sequences = make_sequences(space, anatomy, labels, rng)
    return Phantom(grid_of(shape), {name: _placed(array, box, shape) for name, array in sequences.items()}, _placed(labels, box, shape))


def _placed(array: np.ndarray, box: tuple[slice, slice, slice], shape: tuple[int, int, int]) -> np.ndarray:
    whole = np.zeros(shape, array.dtype)
    whole[box] = array
    return whole
