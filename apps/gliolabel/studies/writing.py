"""Writing a volume: whole or not at all, on exactly its grid."""

from __future__ import annotations

import contextlib
import gzip
import os
import secrets
import zlib
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from gliolabel.errors import InputError, UnavailableError
from gliolabel.studies.files import EXTENSIONS, split_extension
from gliolabel.studies.grid import Grid

#: A NIfTI file's voxels begin after so many bytes.
_NIFTI_HEADER = 352
#: What ends the header of the formats whose header is text, and what it says of packed voxels.
_HEADER_ENDS = {".nrrd": b"\n\n", ".mha": b"ElementDataFile = LOCAL\n"}
_PACKED = (b"encoding: gz", b"CompressedData = True")
#: zlib shall see by itself which of the two it is.
_ZLIB_OR_GZIP = zlib.MAX_WBITS | 32
#: Bytes read at a time.
_CHUNK = 1 << 20


def write_volume(array: np.ndarray, grid: Grid, path: Path, *, compress: bool = True) -> None:
    """Write ``array`` (z, y, x) on ``grid``; the format follows the file's extension, the number type is kept.

    The file appears under its name only when it is complete (temporary file in the same folder, then a rename).

    Args:
        array: any integer type up to 32 bit, float32 or float64; booleans are written as uint8.
        grid: the grid of the array.
        path: ends in .nii.gz, .nii, .nrrd or .mha; its folder must exist. An existing file is replaced.
        compress: whether to, where the format can.

    Raises:
        InputError: the extension is of no format that is written.
        UnavailableError: the disk is full, or the folder is missing or not writable.
        ValueError: the array does not have the grid's shape, or a number type that the formats do not have.
    """
    parts = split_extension(path.name)
    if parts is None:
        raise InputError(f"{path.name}: cannot tell the format from the name, expected one of {', '.join(EXTENSIONS)}")
    if array.dtype == np.bool_:
        array = array.astype(np.uint8)
    if array.dtype not in (np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.float32, np.float64):
        raise ValueError(f"voxels of type {array.dtype} cannot be written; use uint8, int16 or float32")
    image = grid.image(array)
    # Hidden, so that a listing of the folder never sees half a file.
    temporary = path.with_name(f".{secrets.token_hex(8)}{parts[1]}")
    try:
        write_image(image, temporary, compress=compress)
        _flush(temporary)
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise UnavailableError(
            f"{path} cannot be written ({reason}). Check that its folder exists, its permissions and the disk's free space."
        ) from error
    finally:
        with contextlib.suppress(OSError):  # the folder can only be read
            temporary.unlink(missing_ok=True)


def write_image(image: sitk.Image, path: Path, *, compress: bool = True, level: int = -1) -> None:
    """Write an image, and see that all of it was written.

    On a full disk ITK's NIfTI writer leaves a file that ends early, and says so on stderr alone; all its writers do so where a file is
    so small that it reaches the disk only when it is closed.

    Args:
        image: the image.
        path: ends in .nii.gz, .nii, .nrrd or .mha.
        compress: whether to, where the format can.
        level: of compression; -1: the format's own.

    Raises:
        OSError: not all of it could be written.
        RuntimeError: ITK could not write it.
    """
    sitk.WriteImage(image, str(path), useCompression=compress and path.suffix != ".nii", compressionLevel=level)
    voxels = image.GetNumberOfPixels() * image.GetNumberOfComponentsPerPixel() * image.GetSizeOfPixelComponent()
    try:
        written = _length_after_header(path) if path.suffix in _HEADER_ENDS else _length_of_nifti(path) - _NIFTI_HEADER
    except (EOFError, gzip.BadGzipFile, zlib.error):
        written = 0
    if written < voxels:
        raise OSError("it was not written to its end, as on a full disk")


def _length_of_nifti(path: Path) -> int:
    """Bytes of header and voxels."""
    if path.suffix == ".nii":
        return path.stat().st_size
    with gzip.open(path) as stream:  # whose checksum is looked at, too
        return sum(map(len, iter(lambda: stream.read(_CHUNK), b"")))


def _length_after_header(path: Path) -> int:
    """Bytes of the voxels of a file with a header of text, unpacked; 0 when the header or the end is missing."""
    with path.open("rb") as stream:
        header, end, _ = stream.read(_CHUNK).partition(_HEADER_ENDS[path.suffix])
        if not end:
            return 0
        begin = len(header) + len(end)
        if not any(word in header for word in _PACKED):
            return path.stat().st_size - begin
        stream.seek(begin)
        unpacking, length = zlib.decompressobj(wbits=_ZLIB_OR_GZIP), 0
        while not unpacking.eof and (chunk := stream.read(_CHUNK)):
            length += len(unpacking.decompress(chunk))
        return length if unpacking.eof else 0


def _flush(path: Path) -> None:
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())
