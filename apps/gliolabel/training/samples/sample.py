"""One thing that a network learns from."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Sample:
    """A whole volume or an axial slice of it, after the recipe's preprocessing and before its augmentation.

    Args:
        image: float32 (channels, *space).
        target: uint8 (*space): class index, or 0 and 1.
        weight: float32 (*space), the border term of the loss's pixel weights; None where the loss has none.
        case_id: which case it is of.
        index: the slice's place in the case, from 0 at the feet; 0 for a volume.
    """

    image: Tensor
    target: Tensor
    weight: Tensor | None
    case_id: str
    index: int
