"""How the voxels of a volume lie in its file, and taking them from there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gliolabel.studies.gzipped import Packing, unpacked


@dataclass(frozen=True)
class Stored:
    """Where the voxels are.

    Args:
        dtype: of each, with its byte order.
        count: how many.
        packing: how they are compressed.
        start: the byte of the file where they, or the compressed bytes, begin.
        skipped: bytes that come before them in what the compressed bytes unpack to.
    """

    dtype: np.dtype
    count: int
    packing: Packing
    start: int = 0
    skipped: int = 0

    def read(self, path: Path, *, where: str) -> np.ndarray:
        """The voxels, (count,), in the machine's byte order.

        Raises:
            InputError: they are not all there, or damaged.
        """
        wanted = self.skipped + self.count * self.dtype.itemsize
        data = unpacked(path, wanted, where=where, packing=self.packing, start=self.start)
        array = np.frombuffer(data, self.dtype, self.count, self.skipped)
        return array if self.dtype.isnative else array.astype(self.dtype.newbyteorder("="))
