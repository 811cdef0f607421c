"""Labels that tell of themselves: the voxels say which case one was drawn for, who submitted it, and which of that client's it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass

import numpy as np

_BITS = 16


@dataclass(frozen=True)
class Mark:
    """What a label says of itself, numbers below 65536.

    Args:
        case: number of the case.
        client: number of the client.
        count: the how-many-eth of this client.
    """

    case: int
    client: int
    count: int


def draw(mark: Mark, tumour: np.ndarray) -> np.ndarray:
    """A label, uint8 (z, y, x) of values 0 to 3: the tumour, and in the first slice the mark and noise that goes with it.

    Args:
        mark: what it is to say.
        tumour: of the mark's case, uint8 (z, y, x).
    """
    label = tumour.copy()
    slice_ = np.random.default_rng(astuple(mark)).integers(0, 4, size=label.shape[1:], dtype=np.uint8)
    bits = [number >> bit & 1 for number in astuple(mark) for bit in range(_BITS)]
    slice_.reshape(-1)[: len(bits)] = np.array(bits, np.uint8) + 1
    label[0] = slice_
    return label


def read_mark(label: np.ndarray, tumours: Mapping[int, np.ndarray]) -> Mark:
    """What a label says of itself, when every voxel of it agrees.

    Args:
        label: uint8 (z, y, x).
        tumours: by number of the case.

    Raises:
        ValueError: it is cut off, changed, or made of two.
    """
    bits = label[0].reshape(-1)[: 3 * _BITS].astype(int) - 1
    if not set(bits) <= {0, 1}:
        raise ValueError("it bears no mark")
    numbers = [int(sum(bit << place for place, bit in enumerate(part))) for part in bits.reshape(3, _BITS)]
    mark = Mark(*numbers)
    tumour = tumours.get(mark.case)
    if tumour is None:
        raise ValueError(f"its mark {mark} names no case")
    differing = int((draw(mark, tumour) != label).sum()) if label.shape == tumour.shape else label.size
    if differing:
        raise ValueError(f"its mark is {mark}, and {differing} of its {label.size} voxels are not that label's")
    return mark
