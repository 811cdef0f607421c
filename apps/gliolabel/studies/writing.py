"""Writing a volume: whole or not at all, on exactly its grid."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from gliolabel.errors import InputError, UnavailableError
from gliolabel.studies.files import EXTENSIONS, split_extension
from gliolabel.studies.grid import Grid


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
        sitk.WriteImage(image, str(temporary), useCompression=compress and parts[1] != ".nii")
        _flush(temporary)
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise UnavailableError(
            f"{path} cannot be written ({reason}). Check that its folder exists, its permissions and the disk's free space"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())
