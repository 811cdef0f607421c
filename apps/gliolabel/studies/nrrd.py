"""The header of an NRRD file, checked before ITK looks at it: ITK would follow one that names another file of the server.

Source: https://teem.sourceforge.net/nrrd/format.html
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from gliolabel.studies.gzipped import Packing
from gliolabel.studies.refusals import no_second_file, not_an_image, shown, wrong_field
from gliolabel.studies.stored import Stored
from gliolabel.studies.text_header import text_header, whole_numbers

_END: Final = re.compile(rb"\r?\n\r?\n")
_MAGIC: Final = re.compile(r"NRRD000[1-5]")
_TYPES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("signed char", "int8", "int8_t"), "i1"),
    **dict.fromkeys(("uchar", "unsigned char", "uint8", "uint8_t"), "u1"),
    **dict.fromkeys(("short", "short int", "signed short", "signed short int", "int16", "int16_t"), "i2"),
    **dict.fromkeys(("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"), "u2"),
    **dict.fromkeys(("int", "signed int", "int32", "int32_t"), "i4"),
    **dict.fromkeys(("uint", "unsigned int", "uint32", "uint32_t"), "u4"),
    **dict.fromkeys(("longlong", "long long", "long long int", "signed long long", "signed long long int", "int64", "int64_t"), "i8"),
    **dict.fromkeys(("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"), "u8"),
    "float": "f4",
    "double": "f8",
}
_PACKINGS: Final[Mapping[str, Packing]] = {"raw": Packing.NONE, "gzip": Packing.GZIP, "gz": Packing.GZIP}
#: Names of the fields that lead to another file, or past a part of this one, without blanks.
_ELSEWHERE: Final = frozenset({"datafile"})
_SKIPS: Final = ("byteskip", "lineskip")
_MOST_AXES: Final[int] = 7


@dataclass(frozen=True)
class NrrdHeader:
    """What an NRRD header says, without its geometry.

    Args:
        size: lengths of all axes, the fastest first.
        stored: how the voxels lie in the file.
        words: the free entries, by key.
    """

    size: tuple[int, ...]
    stored: Stored
    words: Mapping[str, str]


def nrrd_header(path: Path, *, where: str) -> NrrdHeader:
    """Read and check the header of a .nrrd file.

    Args:
        path: the file.
        where: the case and the file, for messages.

    Raises:
        InputError: it is no NRRD file of one piece, or a field cannot be right.
    """
    lines, end = text_header(path, _END, where=where)
    if _MAGIC.fullmatch(lines[0]) is None:
        raise not_an_image(where, "it does not begin as an NRRD file does")
    fields, words = _fields(lines[1:], where=where)
    for name in _SKIPS:
        if fields.get(name, "0") != "0":
            raise wrong_field(where, f"{name[:4]} {name[4:]}", fields[name], "0")
    axes, size = whole_numbers(fields.get("dimension", "")), whole_numbers(fields.get("sizes", ""))
    if axes is None or len(axes) != 1 or not 1 <= axes[0] <= _MOST_AXES:
        raise wrong_field(where, "dimension", fields.get("dimension", ""), "3")
    if size is None or len(size) != axes[0] or min(size) < 1:
        raise wrong_field(where, "sizes", fields.get("sizes", ""), f"{axes[0]} lengths of 1 or more")
    kind, packing = _TYPES.get(fields.get("type", "").lower()), _PACKINGS.get(fields.get("encoding", "").lower())
    if kind is None:
        raise wrong_field(where, "type", fields.get("type", ""), "whole or floating-point numbers, short or float say")
    if packing is None:
        raise wrong_field(where, "encoding", fields.get("encoding", ""), "raw or gzip")
    endian = fields.get("endian", "" if kind.endswith("1") else "missing").lower()
    if endian not in ("", "little", "big"):
        raise wrong_field(where, "endian", fields.get("endian", ""), "little or big")
    dtype = np.dtype(kind).newbyteorder(">" if endian == "big" else "<")
    return NrrdHeader(tuple(size), Stored(dtype, math.prod(size), packing, start=end), words)


def _fields(lines: list[str], *, where: str) -> tuple[dict[str, str], dict[str, str]]:
    """Fields by name (lower case, without blanks), and free entries by key."""
    fields: dict[str, str] = {}
    words: dict[str, str] = {}
    for line in lines:
        if line.startswith("#"):
            continue
        name, separator, value = line.partition(": ")
        key, equals, word = line.partition(":=")
        if equals and len(key) <= len(name):
            words[key] = word
            continue
        name = "".join(name.split()).lower()
        if name.removesuffix(":") in _ELSEWHERE:
            raise no_second_file(where, line)
        if not separator or name in fields:
            raise not_an_image(where, f"its header has {'two lines' if name in fields else 'a line'} {shown(line)}")
        fields[name] = value.strip()
    return fields, words
