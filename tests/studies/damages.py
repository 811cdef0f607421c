"""Volume files with damaged headers, as hypothesis draws them: small valid files, changed where it hurts."""

from __future__ import annotations

import gzip
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from hypothesis import strategies as st

from gliolabel.studies.grid import Grid
from gliolabel.studies.writing import write_volume

#: A tilted grid: every number of the geometry matters.
GRID: Final = Grid(
    size=(6, 5, 4), spacing=(1.0, 1.5, 2.0), origin=(-10.0, 20.0, 5.0), direction=(0.8, -0.6, 0.0, 0.6, 0.8, 0.0, 0.0, 0.0, 1.0)
)
#: Values 0 to 3, so that the same file is a sequence and a label.
VOXELS: Final = (np.arange(120) % 4).astype(np.int16).reshape(GRID.shape)

EXTENSIONS: Final = (".nii", ".nii.gz", ".nrrd", ".mha")

# Fields of a NIfTI-1 header: where, and as what.
_NIFTI_WORDS: Final = {
    "sizeof_hdr": (0, "i"),
    **{f"dim{axis}": (40 + 2 * axis, "h") for axis in range(8)},
    "datatype": (70, "h"),
    "bitpix": (72, "h"),
    "qform_code": (252, "h"),
    "sform_code": (254, "h"),
    "extension": (348, "i"),
    "esize": (352, "i"),
}
_NIFTI_NUMBERS: Final = {
    **{f"pixdim{axis}": 76 + 4 * axis for axis in range(8)},
    "vox_offset": 108,
    "scl_slope": 112,
    "scl_inter": 116,
    **{f"quatern_{letter}": 256 + 4 * place for place, letter in enumerate("bcdxyz")},
    **{f"srow{place}": 280 + 4 * place for place in range(12)},
}
_WORDS: Final = (
    -(2**31),
    -32768,
    -2,
    -1,
    0,
    1,
    2,
    3,
    4,
    5,
    7,
    8,
    16,
    32,
    64,
    127,
    128,
    256,
    348,
    512,
    540,
    768,
    1024,
    1536,
    1792,
    2304,
    32767,
)
_NUMBERS: Final = (
    *(0.0, -0.0, -1.0, 0.5, 1.0, 2.0, 352.0, 348.0, 353.0, 368.0, 16.0, 1e4, 1e9, 2.0**31, 1e30, 3.4e38, -3.4e38, 1e-45, 1e-30, -352.0),
    *(float("nan"), float("inf"), float("-inf")),
)
_MAGICS: Final = (b"n+1\0", b"ni1\0", b"n+2\0", b"\0\0\0\0", b"n+1x", b"n+9\0")

#: What a number, a path or a word in a text header is replaced by.
_TEXTS: Final = (
    *("", "0", "-1", "1", "3", "4", "16", "17", "99999", "2147483647", "2147483648", "4294967296", "9223372036854775807", "1e308"),
    *("0 0 0", "6 5", "6 5 4", "6 5 4 1", "6 5 4 2", "1 1 120", "-6 5 4", "99999 99999 99999", "4294967295 4294967295 1", "1.5 nan 2"),
    *("nan", "inf", "-inf", "nan nan nan", "0 0 0 0 0 0 0 0 0", "1 0 0 0 1 0 1 0 0", "(1,0,0) (0,1,0) (1,0,0)", "(0,0,0) (0,1,0) (0,0,1)"),
    *("(nan,0,0) (0,1,0) (0,0,1)", "none (1,0,0) (0,1,0)", "(1,0) (0,1)", "(1,0,0", "(1e30,0,0) (0,1,0) (0,0,1)", "x" * 40_000),
    *("raw", "gzip", "ascii", "hex", "bzip2", "zrl", "True", "False", "big", "little", "block", "uchar", "short", "uint64", "double"),
    *("MET_UCHAR", "MET_SHORT", "MET_ULONG_LONG", "MET_DOUBLE", "MET_FLOAT_ARRAY", "MET_STRING", "MET_NONE", "Image", "Mesh", "LOCAL"),
    *("other.raw", "../other.raw", "/etc/passwd", "LIST", "LIST 2", "other%d.raw 1 2 1", "domain domain vector", "left-posterior-superior"),
)
_NRRD_FIELDS: Final = (
    *("data file", "datafile", "DATA FILE", "byte skip", "line skip", "byteskip", "block size", "sizes", "type", "dimension", "encoding"),
    *("endian", "space", "space dimension", "space directions", "space origin", "spacings", "measurement frame", "axis mins", "kinds"),
)
_MHA_FIELDS: Final = (
    *("ElementDataFile", "HeaderSize", "CompressedDataSize", "CompressedData", "NDims", "DimSize", "ElementNumberOfChannels", "BinaryData"),
    *("ElementSize", "ElementMin", "Comment", "ObjectType", "ElementType", "Modality", "Color", "SequenceID", "ElementByteOrderMSB"),
)
_LINE_ENDS: Final = (b"\n", b"\r\n", b"\r", b"\n\n", b"\n\r", b"\0\n", b"")


def seeds(folder: Path) -> dict[str, list[bytes]]:
    """Valid files by extension: compressed or not, one volume or several."""
    found: dict[str, list[bytes]] = {extension: [] for extension in EXTENSIONS}
    for extension in EXTENSIONS:
        for compress in (True, False) if extension in (".nrrd", ".mha") else (True,):
            path = folder / f"seed{extension}"
            write_volume(VOXELS, GRID, path, compress=compress)
            found[extension].append(path.read_bytes())
            path.unlink()
    sheared = bytearray(found[".nii"][0])  # which ITK refuses, and we repair
    struct.pack_into("<h", sheared, 252, 0)
    struct.pack_into("<f", sheared, 284, struct.unpack_from("<f", sheared, 284)[0] + 0.01)
    several = bytearray(found[".nii"][0])
    struct.pack_into("<hhhhh", several, 40, 4, 6, 5, 2, 2)
    found[".nii"] += [bytes(sheared), bytes(several)]
    found[".nii.gz"] += [gzip.compress(bytes(sheared), mtime=0)]
    return found


def damaged(valid: list[bytes], extension: str) -> st.SearchStrategy[bytes]:
    """A damaged one of the valid files of that extension."""
    whole = st.sampled_from(valid)
    if extension == ".nii":
        return whole.flatmap(_nifti).flatmap(_anywhere)
    if extension == ".nii.gz":
        packed = whole.map(gzip.decompress).flatmap(_nifti).flatmap(_anywhere).flatmap(_packed)
        return st.one_of(packed, whole.flatmap(_anywhere))
    return whole.flatmap(lambda data: _text(data, extension)).flatmap(_anywhere)


@st.composite
def _nifti(draw: st.DrawFn, data: bytes) -> bytes:
    changed = bytearray(data)
    swap = draw(st.sampled_from("<<<>"))
    for name in draw(st.lists(st.sampled_from(sorted({*_NIFTI_WORDS, *_NIFTI_NUMBERS, "magic", "units"})), max_size=4)):
        if name == "magic":
            changed[344:348] = draw(st.sampled_from(_MAGICS))
        elif name == "units":
            changed[123] = draw(st.integers(0, 255))
        elif name in _NIFTI_NUMBERS:
            number = draw(st.one_of(st.sampled_from(_NUMBERS), st.floats(width=32)))
            struct.pack_into(swap + "f", changed, _NIFTI_NUMBERS[name], number)
        else:
            where, kind = _NIFTI_WORDS[name]
            word = draw(st.one_of(st.sampled_from(_WORDS), st.integers(-32768, 32767)))
            struct.pack_into(swap + kind, changed, where, max(word, -32768) if kind == "h" else word)
    return bytes(changed)


@st.composite
def _packed(draw: st.DrawFn, data: bytes) -> bytes:
    cut = draw(st.integers(0, len(data)))
    members = draw(st.sampled_from(((data,), (data[:cut], data[cut:]), (data, b""), (b"",) * 5 + (data,))))
    packed = b"".join(gzip.compress(member, mtime=0) for member in members)
    return packed + draw(st.sampled_from((b"", b"", b"\0" * 512, b"\x1f\x8b", b"garbage")))


@st.composite
def _text(draw: st.DrawFn, data: bytes, extension: str) -> bytes:
    """The lines of an NRRD or MetaImage header, replaced, repeated, left out, added; the voxels stay."""
    if extension == ".nrrd":
        head, _, voxels = data.partition(b"\n\n")
        between, fields, close = ": ", _NRRD_FIELDS, b"\n"
    else:
        head, last, voxels = data.partition(b"ElementDataFile = LOCAL\n")
        head, between, fields, close = head + last.rstrip(), " = ", _MHA_FIELDS, b""
    lines = head.split(b"\n")
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(lines) - 1))
        change = draw(st.sampled_from(("value", "value", "value", "number", "leave out", "repeat", "add", "cut")))
        text = draw(st.one_of(st.sampled_from(_TEXTS), st.text(max_size=12)))
        name, separator, value = lines[at].partition(between.encode())
        if change == "value":
            lines[at] = name + separator + text.encode()
        elif change == "number":
            lines[at] = name + separator + re.sub(rb"-?[0-9.]+", lambda _, to=text: to.encode(), value, count=draw(st.integers(0, 2)))
        elif change == "leave out":
            lines[at : at + 1] = lines[at : at + 1] if len(lines) == 1 else []
        elif change == "repeat":
            lines.insert(draw(st.integers(0, len(lines))), lines[at])
        elif change == "add":
            lines.insert(at, f"{draw(st.sampled_from(fields))}{between}{text}".encode())
        else:
            lines[at] = lines[at][: draw(st.integers(0, len(lines[at])))]
    end = draw(st.sampled_from((b"\n",) * 6 + _LINE_ENDS))
    return end.join(lines) + end + close + voxels


@st.composite
def _anywhere(draw: st.DrawFn, data: bytes) -> bytes:
    """Bytes cut off, turned, put in or repeated, somewhere; mostly not."""
    change = draw(st.sampled_from(("none",) * 4 + ("cut", "turn", "put in", "repeat", "append")))
    at = draw(st.integers(0, len(data)))
    if change == "cut":
        return data[:at]
    if change == "turn" and at < len(data):
        return data[:at] + bytes([data[at] ^ draw(st.integers(1, 255))]) + data[at + 1 :]
    if change == "put in":
        return data[:at] + draw(st.binary(min_size=1, max_size=9)) + data[at:]
    if change == "repeat":
        return data[:at] + data[max(0, at - 40) : at] + data[at:]
    return data + bytes(draw(st.integers(1, 600))) if change == "append" else data


#: How a file could point at another one: what is changed in a valid file, by extension.
POINTERS: Final[dict[str, list[Callable[[bytes], bytes]]]] = {
    ".nrrd": [
        lambda data, name=name, end=end: data.replace(b"\n\n", end + name + end + end, 1)
        for name in (
            *(
                b"data file: other.raw",
                b"datafile: other.raw",
                b"Data File: other.raw",
                b"DATAFILE: other.raw",
                b"data file: LIST\nother.raw",
            ),
            *(b"data file: other%d.raw 1 4 1 2", b"data file: LIST 2\nother.raw", b" data file: other.raw", b"# \rdata file: other.raw"),
        )
        for end in (b"\n", b"\r\n")
    ],
    ".mha": [
        lambda data, text=text: data.replace(b"ElementDataFile = LOCAL", text, 1)
        for text in (
            *(
                b"ElementDataFile = other.raw",
                b"ElementDataFile=other.raw",
                b"ElementDataFile : other.raw",
                b"ElementDataFile = LIST\nother.raw",
            ),
            *(b"ElementDataFile = LIST 2\nother.raw", b"ElementDataFile = other%d.raw 1 1 1", b"Comment = x\rElementDataFile = other.raw"),
            *(b" ElementDataFile = other.raw", b"ElementDataFile = other.raw\nElementDataFile = LOCAL", b"x ElementDataFile = other.raw"),
        )
    ],
    ".nii": [lambda data: data[:344] + b"ni1\0" + data[348:], lambda data: data[:344] + bytes(4) + data[348:]],
    ".nii.gz": [lambda data: gzip.compress((raw := gzip.decompress(data))[:344] + b"ni1\0" + raw[348:])],
}
