"""The header of a NIfTI-1 file, checked before ITK or nibabel look at anything behind it.

ITK's NIfTI library takes an axis of negative length for one of length 1, looks for the voxels of some files in a second file beside
them, and believes whatever a header says about the place of the voxels; nibabel reads the header itself as voxels when that place is 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import nibabel
import numpy as np

from gliolabel.errors import InputError
from gliolabel.studies.gzipped import TAIL_LIMIT, packing_of, unpacked
from gliolabel.studies.refusals import not_an_image
from gliolabel.studies.stored import Stored

#: Bytes of a NIfTI-1 header, and the first place where voxels may begin.
HEADER_BYTES: Final[int] = 348
_FIRST_VOXEL: Final[int] = 352
#: By the first two bytes in either byte order.
_OTHER_HEADERS: Final = {540: "is a NIfTI-2 file, expected NIfTI-1. Save it as NIfTI-1"}


@dataclass(frozen=True)
class NiftiHeader:
    """What a NIfTI-1 header says.

    Args:
        size: lengths of all axes, x first.
        stored: how the voxels lie in the file.
        slope: what they are multiplied by, or None where the file does not scale them.
        intercept: what is added afterwards.
        affine: (4, 4), voxel index (x, y, z) to RAS position in mm, as nibabel chooses it.
    """

    size: tuple[int, ...]
    stored: Stored
    slope: float | None
    intercept: float
    affine: np.ndarray


def nifti_header(path: Path, *, where: str) -> NiftiHeader:
    """Read and check the header of a .nii or .nii.gz file.

    Args:
        path: the file.
        where: the case and the file, for messages.

    Raises:
        InputError: it is no NIfTI-1 file of one piece, or a field cannot be right.
    """
    packing = packing_of(path)
    start = unpacked(path, HEADER_BYTES, where=where, packing=packing, whole=False)
    order = _byte_order(start, where=where)
    raw = nibabel.Nifti1Header(start, endianness=order, check=False)
    magic = start[344:348]
    if magic != b"n+1\0":
        what = "keeps its voxels in another file" if magic in (b"ni1\0", bytes(4)) else f"is marked {magic!r}"
        raise InputError(f"{where}: {what}, expected a NIfTI-1 file of one piece ('n+1'). Save it as one .nii.gz file")
    axes = int(raw["dim"][0])
    size = tuple(int(n) for n in raw["dim"][1 : 1 + max(0, axes)])
    if not 1 <= axes <= 7 or min(size) < 1:
        raise InputError(f"{where}: its header gives {axes} axes of {list(size)} voxels, expected 3 axes of 1 or more. Export it again")
    offset = float(raw["vox_offset"])
    if not _FIRST_VOXEL <= offset <= TAIL_LIMIT or offset != int(offset):
        raise InputError(
            f"{where}: its header puts the voxels at byte {offset:g}, expected a whole number from {_FIRST_VOXEL} to {TAIL_LIMIT}. "
            "Export it again"
        )
    try:
        dtype = raw.get_data_dtype()
        slope, intercept = raw.get_slope_inter()
        affine = np.asarray(raw.get_best_affine(), dtype=np.float64)
    except Exception as error:  # nibabel raises its own, and KeyError and ValueError
        raise InputError(f"{where}: its header cannot be used ({' '.join(str(error).split())[:200]}). Export it again") from error
    if dtype.kind not in "iuf" and not dtype.fields:
        raise InputError(f"{where}: its voxels are of type {dtype}, expected whole or floating-point numbers")
    stored = Stored(dtype, math.prod(size), packing, skipped=int(offset))
    return NiftiHeader(size, stored, None if (slope, intercept) == (1.0, 0.0) else slope, float(intercept or 0.0), affine)


def _byte_order(start: bytes, *, where: str) -> str:
    if len(start) == HEADER_BYTES:
        for order, name in (("<", "little"), (">", "big")):
            length = int.from_bytes(start[:4], name)  # type: ignore[arg-type]
            if length == HEADER_BYTES:
                return order
            if length in _OTHER_HEADERS:
                raise InputError(f"{where}: {_OTHER_HEADERS[length]}")
    raise not_an_image(where, "it does not begin as a NIfTI file does")
