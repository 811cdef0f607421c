"""The bytes of a file that may be compressed: as many as are wanted, seen to be whole."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path
from typing import BinaryIO, Final

from gliolabel.errors import InputError
from gliolabel.studies.refusals import DAMAGED

#: Decompressed bytes that may follow the wanted ones before a file is taken for damaged.
TAIL_LIMIT: Final[int] = 1 << 24

_GZIP: Final[bytes] = b"\x1f\x8b"
#: Packed bytes are unpacked in pieces of this size; those of a header, and of members after the first, in smaller ones.
_PIECE: Final[int] = 1 << 22
_SMALL_PIECE: Final[int] = 1 << 14


class Packing(IntEnum):
    """How bytes lie in a file; the value is zlib's ``wbits``."""

    NONE = 0
    ZLIB = zlib.MAX_WBITS
    GZIP = 16 + zlib.MAX_WBITS


def packing_of(path: Path) -> Packing:
    """Whether a file is gzip-compressed, by its first bytes; :class:`OSError` when it cannot be read."""
    with path.open("rb") as stream:
        return Packing.GZIP if stream.read(2) == _GZIP else Packing.NONE


def unpacked(path: Path, wanted: int, *, where: str, packing: Packing, start: int = 0, whole: bool = True) -> bytes:
    """``wanted`` bytes of a file, decompressed.

    Memory grows with what is found and not with what is wanted.

    Args:
        path: the file.
        wanted: number of bytes.
        where: the case and the file, for messages.
        packing: how they are packed; gzip may have several members.
        start: the byte of the file where they, or what is packed, begin.
        whole: all must be there, and be undamaged up to the last checksum. Else a shorter file gives what it has.

    Raises:
        InputError: the file cannot be read; with ``whole``: it is too short, damaged, or goes on for too long.
    """
    try:
        with path.open("rb") as stream:
            stream.seek(start)
            if packing is Packing.NONE:
                left = path.stat().st_size - start
                found = stream.read(min(wanted, max(0, left)))
            else:
                found = _inflated(stream, wanted, where=where, packing=packing, whole=whole)
    except OSError as error:
        raise InputError(f"{where}: cannot be read: {error.strerror or error}") from error
    if whole and len(found) < wanted:
        raise InputError(f"{where}: holds {len(found)} of the {wanted} bytes that its header promises. {DAMAGED}")
    return found


def _inflated(stream: BinaryIO, wanted: int, *, where: str, packing: Packing, whole: bool) -> bytes:
    parts: list[bytes] = []
    missing, tail = wanted, 0
    for piece in _pieces(stream, wanted, where=where, packing=packing, whole=whole):
        parts.append(piece[:missing])
        tail += max(0, len(piece) - missing)
        missing = max(0, missing - len(piece))
        if not whole and not missing:
            break
        if tail > TAIL_LIMIT:
            raise InputError(f"{where}: goes on for more than {TAIL_LIMIT >> 20} MiB behind its voxels. {DAMAGED}")
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _pieces(stream: BinaryIO, wanted: int, *, where: str, packing: Packing, whole: bool) -> Iterator[bytes]:
    """What a stream unpacks to, piece by piece. What follows it, and is no further gzip member, is left alone."""
    fed = _PIECE if whole else _SMALL_PIECE
    packed, more = memoryview(stream.read(fed)), True
    try:
        while more:
            member = zlib.decompressobj(wbits=packing)
            while not member.eof and packed:
                piece = member.decompress(packed[:fed], max(wanted, _SMALL_PIECE))
                packed = packed[min(fed, len(packed)) - len(member.unused_data) - len(member.unconsumed_tail) :]
                if not packed and not member.eof:
                    packed = memoryview(stream.read(fed))
                wanted -= len(piece)
                yield piece
            if not member.eof:
                if whole:
                    raise InputError(f"{where}: its compressed voxels end too early. {DAMAGED}")
                return
            fed = _SMALL_PIECE  # the rest is copied at the end of each member, and there may be very many of them
            if len(packed) < len(_GZIP):
                packed = memoryview(bytes(packed) + stream.read(fed))
            more = packing is Packing.GZIP and bytes(packed[:2]) == _GZIP
    except zlib.error as error:
        raise InputError(f"{where}: cannot be decompressed ({error}). {DAMAGED}") from error
