"""Over which voxels a statistic is taken."""

from __future__ import annotations

from typing import Literal


def axes_of(per: Literal["volume", "slice"]) -> tuple[int, ...]:
    """The axes of a (channels, z, y, x) array that a statistic of each volume, or of each axial slice, runs over."""
    return (1, 2, 3) if per == "volume" else (2, 3)
