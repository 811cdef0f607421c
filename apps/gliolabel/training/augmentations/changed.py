"""What augmentations take and give."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Changed(NamedTuple):
    """A batch.

    Attributes:
        images: float32 (batch, channels, *space).
        targets: uint8 (batch, *space).
        weights: float32 (batch, *space), or None.
    """

    images: Tensor
    targets: Tensor
    weights: Tensor | None
