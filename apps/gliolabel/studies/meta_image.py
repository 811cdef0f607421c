"""The header of a MetaImage file (.mha).

ITK's own reader is not asked: a few digits changed in a header make it write beyond its arrays, which ends the process, or read the voxels
from any other file of the server.

Source: https://itk.org/Wiki/ITK/MetaIO/Documentation
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from gliolabel.errors import InputError
from gliolabel.studies.grid import Grid
from gliolabel.studies.gzipped import Packing
from gliolabel.studies.refusals import no_second_file, not_an_image, shown, wrong_field
from gliolabel.studies.stored import Stored
from gliolabel.studies.text_header import text_header, whole_numbers

_END: Final = re.compile(rb"^([ \t]*ElementDataFile[ \t]*[=:][^\n]*)\n", re.IGNORECASE | re.MULTILINE)
_TYPES: Final[Mapping[str, str]] = {
    **{"MET_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "i2", "MET_USHORT": "u2", "MET_INT": "i4", "MET_UINT": "u4"},
    **{"MET_LONG": "i4", "MET_ULONG": "u4", "MET_LONG_LONG": "i8", "MET_ULONG_LONG": "u8", "MET_FLOAT": "f4", "MET_DOUBLE": "f8"},
}
#: Names of one thing.
_SAME: Final[Mapping[str, str]] = {
    **{"Position": "Offset", "Origin": "Offset", "Rotation": "TransformMatrix", "Orientation": "TransformMatrix"},
    "BinaryDataByteOrderMSB": "ElementByteOrderMSB",
}
_MOST_AXES: Final[int] = 7


@dataclass(frozen=True)
class MetaHeader:
    """What a MetaImage header says.

    Args:
        grid: of the first three axes; not checked.
        size: lengths of all axes, x first.
        stored: how the voxels lie in the file.
    """

    grid: Grid
    size: tuple[int, ...]
    stored: Stored


def meta_header(path: Path, *, where: str) -> MetaHeader:
    """Read and check the header of a .mha file.

    Args:
        path: the file.
        where: the case and the file, for messages.

    Raises:
        InputError: it is no MetaImage of one piece, or a field cannot be right.
    """
    lines, end = text_header(path, _END, where=where)
    fields = _fields(lines, where=where)
    if fields["ElementDataFile"].upper() != "LOCAL":
        raise no_second_file(where, lines[-1])
    _expect(fields, "ObjectType", ("image",), default="Image", where=where)
    _expect(fields, "BinaryData", ("true",), default="True", where=where)
    _expect(fields, "HeaderSize", ("0",), default="0", where=where)
    channels = fields.get("ElementNumberOfChannels", "1")
    if channels != "1":
        raise InputError(f"{where}: has {channels[:80]} values per voxel (colour or vector), expected 1")
    axes = whole_numbers(fields.get("NDims", ""))
    if axes is None or len(axes) != 1 or not 1 <= axes[0] <= _MOST_AXES:
        raise wrong_field(where, "NDims", fields.get("NDims", ""), "3")
    if axes[0] < 3:
        raise InputError(f"{where}: is a {axes[0]}-D image, expected a 3-D volume")
    size = whole_numbers(fields.get("DimSize", ""))
    if size is None or len(size) != axes[0] or min(size) < 1:
        raise wrong_field(where, "DimSize", fields.get("DimSize", ""), f"{axes[0]} lengths of 1 or more")
    kind = _TYPES.get(fields.get("ElementType", ""))
    if kind is None:
        raise wrong_field(
            where, "ElementType", fields.get("ElementType", ""), "whole or floating-point numbers, MET_SHORT or MET_FLOAT say"
        )
    dtype = np.dtype(kind).newbyteorder(">" if _is_true(fields, "ElementByteOrderMSB") else "<")
    packing = Packing.ZLIB if _is_true(fields, "CompressedData") else Packing.NONE
    grid = _grid(fields, size, where=where)
    return MetaHeader(grid, tuple(size), Stored(dtype, math.prod(size), packing, start=end))


def _fields(lines: list[str], *, where: str) -> dict[str, str]:
    """The fields by name. Those before a field that cannot be read are not looked at: the file is refused."""
    fields: dict[str, str] = {}
    for line in lines:
        name, separator, value = re.match(r"([^=:]*)([=:]?)(.*)", line, re.DOTALL).groups()  # type: ignore[union-attr]
        name = _SAME.get(name.strip(), name.strip())
        if not separator or not name:
            raise not_an_image(where, f"its header has a line {shown(line)}, expected a name and a value")
        name = "ElementDataFile" if name.casefold() == "elementdatafile" else name
        if fields.setdefault(name, value.strip()) != value.strip():
            raise wrong_field(where, name, f"{fields[name]} and {value.strip()}", "one of them")
    return fields


def _expect(fields: Mapping[str, str], name: str, expected: tuple[str, ...], *, default: str, where: str) -> None:
    if fields.get(name, default).casefold() not in expected:
        raise wrong_field(where, name, fields[name], expected[0].capitalize())


def _is_true(fields: Mapping[str, str], name: str) -> bool:
    return fields.get(name, "").startswith(("T", "t", "1"))


def _grid(fields: Mapping[str, str], size: list[int], *, where: str) -> Grid:
    axes = len(size)
    edges = _numbers(fields, "ElementSize", axes, fallback=[1.0] * axes, where=where)
    spacing = _numbers(fields, "ElementSpacing", axes, fallback=edges, where=where)
    origin = _numbers(fields, "Offset", axes, fallback=[0.0] * axes, where=where)
    turn = _numbers(fields, "TransformMatrix", axes * axes, fallback=np.eye(axes).ravel().tolist(), where=where)
    return Grid(
        size=(size[0], size[1], size[2]),
        spacing=(spacing[0], spacing[1], spacing[2]),
        origin=(origin[0], origin[1], origin[2]),
        # The file has the direction of the first axis first.
        direction=tuple(np.reshape(turn, (axes, axes))[:3, :3].T.ravel().tolist()),
    )


def _numbers(fields: Mapping[str, str], name: str, count: int, *, fallback: list[float], where: str) -> list[float]:
    if name not in fields:
        return fallback
    words = fields[name].split()
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        numbers = []
    if len(numbers) != count or not np.isfinite(numbers).all():
        raise wrong_field(where, name, fields[name], f"{count} finite numbers")
    return numbers
