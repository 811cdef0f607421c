"""What an uploaded volume says of itself, looked at before any library reads it.

A few kilobytes can promise terabytes, or unpack to them; a header can name another file of the server as the place of its voxels, which
ITK then reads. Such uploads are refused by their header. What passes here holds its own voxels, and not more than it may.
"""

from __future__ import annotations

import math
import re
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gliolabel.errors import InputError, TooLargeError

_GZIP: Final = b"\x1f\x8b"
#: deflate makes at most so many bytes of one.
_MOST_UNPACKED: Final = 1032
#: A text header ends within so many bytes.
_HEADER_BYTES: Final = 1 << 20
#: However small its numbers are in the file, a voxel is computed with in this many bytes.
_LEAST_BYTES: Final = 4
_NIFTI_HEADER: Final = 348
_NRRD_BYTES: Final = {
    **dict.fromkeys(("signed char", "int8", "int8_t", "uchar", "unsigned char", "uint8", "uint8_t"), 1),
    **dict.fromkeys(("short", "short int", "signed short", "signed short int", "int16", "int16_t"), 2),
    **dict.fromkeys(("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"), 2),
    **dict.fromkeys(("int", "signed int", "int32", "int32_t", "uint", "unsigned int", "uint32", "uint32_t", "float"), 4),
}
_META_BYTES: Final = {"MET_CHAR": 1, "MET_UCHAR": 1, "MET_SHORT": 2, "MET_USHORT": 2, "MET_INT": 4, "MET_UINT": 4, "MET_FLOAT": 4}


@dataclass(frozen=True)
class Promise:
    """What a header promises.

    Args:
        voxels: their number, over all axes.
        voxel_bytes: of one in the file.
        packed: whether they are compressed.
    """

    voxels: int
    voxel_bytes: int
    packed: bool


def check_volume(path: Path, *, extension: str, name: str, most_mib: float) -> None:
    """Refuse a volume that could not be read safely. Nothing is unpacked but its header.

    Args:
        path: the file.
        extension: one of :data:`gliolabel.studies.files.EXTENSIONS`; its content must be of that kind.
        name: what the client calls it, for messages.
        most_mib: the most that its voxels may take.

    Raises:
        InputError: it is of another kind, is no volume, or has its voxels elsewhere.
        TooLargeError: its voxels take more than they may.
    """
    try:
        with path.open("rb") as stream:
            start = stream.read(_HEADER_BYTES)
        promise = {".nrrd": _nrrd, ".mha": _meta}.get(extension, _nifti)(start, extension == ".nii.gz")
    except (ValueError, zlib.error, struct.error) as error:
        raise InputError(f"The file {name!r} cannot be used: {error}. Expected a whole {extension} volume; export it again.") from error
    needed = promise.voxels * max(promise.voxel_bytes, _LEAST_BYTES)
    if needed > most_mib * 2**20:
        raise TooLargeError(
            f"The file {name!r} promises {promise.voxels} voxels ({needed / 2**20:.0f} MiB); this server takes volumes of up to "
            f"{most_mib:g} MiB (--conf upload_limit). Nothing was stored."
        )
    size = path.stat().st_size
    if promise.voxels * promise.voxel_bytes > size * (_MOST_UNPACKED if promise.packed else 1):
        raise InputError(f"The file {name!r} promises {promise.voxels} voxels, which its {size} bytes cannot hold. Copy it again.")


def _nifti(start: bytes, packed: bool) -> Promise:
    if (start[:2] == _GZIP) is not packed:
        raise ValueError(f"its content is {'not ' if packed else ''}gzip-compressed, unlike its name says")
    header = zlib.decompressobj(wbits=31).decompress(start, _NIFTI_HEADER) if packed else start[:_NIFTI_HEADER]
    if len(header) < _NIFTI_HEADER:
        raise ValueError("it ends within its header")
    order = "<" if struct.unpack_from("<i", header)[0] == _NIFTI_HEADER else ">"
    if struct.unpack_from(f"{order}i", header)[0] != _NIFTI_HEADER:
        raise ValueError("it is no NIfTI-1 file")
    if header[344:347] == b"ni1":
        raise ValueError("its voxels lie in another file")
    axes, *lengths = struct.unpack_from(f"{order}8h", header, 40)
    bits = struct.unpack_from(f"{order}h", header, 72)[0]
    if not 1 <= axes <= 7 or min(lengths[:axes]) < 1 or bits < 1:
        raise ValueError("its header gives no number of voxels")
    return Promise(math.prod(lengths[:axes]), max(bits // 8, 1), packed)


def _nrrd(start: bytes, _: bool) -> Promise:
    if not start.startswith(b"NRRD000"):
        raise ValueError("its content is no NRRD")
    header, end, _voxels = start.replace(b"\r\n", b"\n").partition(b"\n\n")
    if not end:
        raise ValueError("its header has no end")
    fields = {key.strip().lower(): value.strip() for key, value in re.findall(r"(?m)^([^:#\n]+):(?!=)([^\n]*)$", header.decode("latin-1"))}
    if {"data file", "datafile"} & set(fields):
        raise ValueError("its voxels lie in another file")
    encoding = fields.get("encoding", "").lower()
    if encoding not in ("raw", "gzip", "gz"):
        raise ValueError(f"its voxels are encoded as {encoding[:20]!r}, expected raw or gzip")
    lengths = [_whole(part) for part in fields.get("sizes", "").split()]
    return Promise(_product(lengths), _NRRD_BYTES.get(fields.get("type", "").lower(), 8), encoding != "raw")


def _meta(start: bytes, _: bool) -> Promise:
    place = re.search(rb"(?m)^ElementDataFile\s*[=:][ \t]*([^\r\n]*)", start)
    if place is None:
        raise ValueError("its content is no MetaImage")
    if place[1].strip().upper() != b"LOCAL" or re.search(rb"(?i)elementdatafile", start[: place.start()]):
        raise ValueError("its voxels lie in another file")
    pairs = re.findall(r"(?m)^\s*(\w+)\s*[=:][ \t]*([^\r\n]*)", start[: place.start()].decode("latin-1"))
    fields = {key: value.strip() for key, value in pairs}
    lengths = [_whole(part) for part in fields.get("DimSize", "").split()]
    channels = _whole(fields.get("ElementNumberOfChannels", "1"))
    kind = fields.get("ElementType", "").removesuffix("_ARRAY")
    return Promise(_product([*lengths, channels]), _META_BYTES.get(kind, 8), fields.get("CompressedData", "").lower() == "true")


def _whole(text: str) -> int:
    if not re.fullmatch(r"\d{1,18}", text):
        raise ValueError(f"its header gives {text[:20]!r} where a number of voxels is expected")
    return int(text)


def _product(lengths: list[int]) -> int:
    if len(lengths) < 2 or min(lengths) < 1:
        raise ValueError("its header gives no number of voxels")
    return math.prod(lengths)
