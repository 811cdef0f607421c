"""The voxels of a volume file, decoded once and checked to be all there.

ITK fills the missing end of a truncated NIfTI file with zeros and says nothing, so NIfTI voxels are taken from the
decompressed stream itself: its length and gzip's checksum tell whether the file is whole. The geometry stays ITK's.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import nibabel
import numpy as np
import SimpleITK as sitk

from gliolabel.errors import InputError
from gliolabel.studies.files import split_extension
from gliolabel.studies.headers import VOXEL_LIMIT, Header, image_io, not_an_image, read_header

#: Decompressed bytes that may follow the voxels before a file is taken for damaged.
_TAIL_LIMIT: Final[int] = 1 << 24

#: The longest number type.
_MOST_BYTES: Final[int] = 8

#: Compressed voxels are tried in pieces of this many bytes.
_CHUNK: Final[int] = 1 << 22

_DAMAGED: Final[str] = "The file is truncated or damaged; copy it again from its source"


@dataclass(frozen=True)
class Volume:
    """A volume file, read.

    Args:
        array: the file's values, (z, y, x) or (component, z, y, x), in the file's number type unless it scales them.
        header: its geometry and what had to be repaired.
    """

    array: np.ndarray
    header: Header


def read_volume(path: Path, *, where: str) -> Volume:
    """Read a volume file whole.

    Args:
        path: a .nii, .nii.gz, .nrrd or .mha file.
        where: the case and the file, for messages.

    Raises:
        InputError: the file is missing, empty, no image, truncated or damaged.
    """
    header = read_header(path, where=where)
    _, extension = split_extension(path.name) or (path.name, "")
    array = (
        _nifti_voxels(path, where=where)
        if extension in (".nii", ".nii.gz")
        else _itk_voxels(path, where=where, voxels=math.prod(header.grid.size + header.extra))
    )
    shape = tuple(reversed(header.grid.size + header.extra))
    if array.size != math.prod(shape):
        raise InputError(f"{where}: holds {array.size} voxels, its header promises {math.prod(shape)}. {_DAMAGED}")
    return Volume(array.reshape(shape), header)


def _itk_voxels(path: Path, *, where: str, voxels: int) -> np.ndarray:
    _check_compressed(path, where=where, most=voxels * _MOST_BYTES + _TAIL_LIMIT)
    try:
        return sitk.GetArrayFromImage(sitk.ReadImage(str(path), imageIO=image_io(path)))
    except RuntimeError as error:
        words = str(error).strip().splitlines()[-1].strip()
        raise InputError(f"{where}: its voxels cannot be read ({words}). {_DAMAGED}") from error


def _check_compressed(path: Path, *, where: str, most: int) -> None:
    """Try the compressed part of a .mha or .nrrd file first: MetaIO returns garbage when zlib fails, and neither looks at checksums."""
    data = path.read_bytes()
    if path.suffix.lower() == ".mha":
        head, _, packed = data.partition(b"ElementDataFile = LOCAL")
        packed = packed.lstrip(b"\r").removeprefix(b"\n")
        compressed, bits = b"CompressedData = True" in head, zlib.MAX_WBITS
    else:
        head, _, packed = data.partition(b"\n\n")
        compressed, bits = packed[:2] == b"\x1f\x8b" and b"gz" in head, 16 + zlib.MAX_WBITS
    if not compressed or not packed:
        return
    stream = zlib.decompressobj(wbits=bits)
    try:
        while packed and not stream.eof:
            most -= len(stream.decompress(packed, _CHUNK))
            if most < 0:
                raise InputError(f"{where}: its compressed voxels are more than its header promises. {_DAMAGED}")
            packed = stream.unconsumed_tail
        if not stream.eof:
            stream.flush()
    except zlib.error as error:
        raise InputError(f"{where}: its compressed voxels cannot be decompressed ({error}). {_DAMAGED}") from error
    if not stream.eof:
        raise InputError(f"{where}: its compressed voxels end too early. {_DAMAGED}")


def _nifti_voxels(path: Path, *, where: str) -> np.ndarray:
    try:
        packed = path.read_bytes()
    except OSError as error:
        raise InputError(f"{where}: cannot be read: {error.strerror or error}") from error
    start = _unpack(packed, 348, where=where, whole=False)
    try:
        nifti = nibabel.Nifti1Header(start)
        dtype, offset = nifti.get_data_dtype(), int(nifti.get_data_offset())
        size = tuple(int(n) for n in nifti.get_data_shape())
        slope, intercept = nifti.get_slope_inter()
    except Exception as error:  # nibabel raises its own, and struct's and ValueError
        raise not_an_image(where, error) from error
    if dtype.kind not in "iuf":
        raise InputError(f"{where}: its voxels are of type {dtype}, expected whole or floating-point numbers")
    count = math.prod(size)
    if not 0 <= offset <= _TAIL_LIMIT or count > VOXEL_LIMIT:
        raise InputError(f"{where}: its header gives {count} voxels behind {offset} bytes, which no MRI volume has. Export it again")
    data = _unpack(packed, offset + count * dtype.itemsize, where=where)
    array = np.frombuffer(data, dtype, count, offset)
    if not dtype.isnative:
        array = array.astype(dtype.newbyteorder("="))
    if slope is not None and (slope, intercept) != (1.0, 0.0):
        array = array.astype(np.float32) * np.float32(slope) + np.float32(intercept or 0.0)
    return array


def _unpack(packed: bytes, wanted: int, *, where: str, whole: bool = True) -> bytes:
    """The first ``wanted`` bytes of a file that may be gzip-compressed; with ``whole``, all must be there and be undamaged."""
    if packed[:2] != b"\x1f\x8b":
        found = packed[:wanted]
    else:
        found = _gunzip(packed, wanted, where=where, whole=whole)
    if whole and len(found) < wanted:
        raise InputError(f"{where}: holds {len(found)} of the {wanted} bytes that its header promises. {_DAMAGED}")
    return found


def _gunzip(packed: bytes, wanted: int, *, where: str, whole: bool) -> bytes:
    """Decompress at most ``wanted`` bytes, and with ``whole`` go on to the checksum; a file may have several gzip members."""
    parts: list[bytes] = []
    missing, tail = wanted, 0
    try:
        while packed[:2] == b"\x1f\x8b":
            member = zlib.decompressobj(wbits=31)
            rest = packed
            while not member.eof and rest:
                piece = member.decompress(rest, max(missing, 1 << 16))
                rest = member.unconsumed_tail
                if missing > 0:
                    parts.append(piece[:missing])
                    missing -= len(parts[-1])
                    if missing == 0 and not whole:
                        return b"".join(parts)
                else:
                    tail += len(piece)
                if tail > _TAIL_LIMIT:
                    raise InputError(f"{where}: goes on for more than {_TAIL_LIMIT >> 20} MiB behind its voxels. {_DAMAGED}")
            if not member.eof:
                if whole:
                    raise InputError(f"{where}: the gzip stream ends too early. {_DAMAGED}")
                break
            packed = member.unused_data
    except zlib.error as error:
        raise InputError(f"{where}: the gzip stream cannot be decompressed ({error}). {_DAMAGED}") from error
    return parts[0] if len(parts) == 1 else b"".join(parts)
