"""How far two heads lie on each other."""

from __future__ import annotations

from typing import Final

import numpy as np

from gliolabel.studies.background import Foreground

#: Overlap is judged on points about so many mm apart.
_APART_MM: Final = 2.0
#: So much of the fixed foreground has to be inside the other volume for its outline to say anything.
_LEAST_SEEN: Final = 0.2


def overlap(fixed: Foreground, moving: Foreground, transform: np.ndarray | None = None) -> float:
    """The Dice coefficient of two foregrounds where both volumes reach; 0 where they hardly meet.

    Args:
        fixed: the reference's.
        moving: the other's.
        transform: 4 x 4, from a place (LPS, mm) in ``fixed`` to the same anatomy's place in ``moving``; None: they lie in one space.

    Returns:
        0 to 1.
    """
    if transform is None and fixed.grid.same_as(moving.grid):
        return _dice(fixed.mask, moving.mask)
    steps = [max(1, round(_APART_MM / spacing)) for spacing in fixed.grid.spacing]
    x, y, z = (np.arange(0, n, step, dtype=np.float64) for n, step in zip(fixed.grid.size, steps, strict=True))
    there = fixed.mask[:: steps[2], :: steps[1], :: steps[0]]
    to_moving = np.linalg.inv(moving.grid.affine) @ (np.eye(4) if transform is None else transform) @ fixed.grid.affine
    inside = np.ones(there.shape, dtype=bool)
    index = np.zeros(there.shape, dtype=np.int64)
    strides = (1, moving.grid.size[0], moving.grid.size[0] * moving.grid.size[1])
    for axis in range(3):
        row = to_moving[axis]
        place = np.rint(row[0] * x[None, None] + row[1] * y[None, :, None] + row[2] * z[:, None, None] + row[3]).astype(np.int64)
        inside &= (place >= 0) & (place < moving.grid.size[axis])
        index += place * strides[axis]
    seen = there & inside
    if seen.sum() < _LEAST_SEEN * there.sum():
        return 0.0
    other = np.zeros(there.shape, dtype=bool)
    other[inside] = moving.mask.ravel()[index[inside]]
    return _dice(seen, other)


def _dice(a: np.ndarray, b: np.ndarray) -> float:
    both = int(np.count_nonzero(a)) + int(np.count_nonzero(b))
    return 2.0 * int(np.count_nonzero(a & b)) / both if both else 0.0
