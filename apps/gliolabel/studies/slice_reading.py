"""Reading one slice: a TIFF or PNG file, one or three channels, and its mask."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from gliolabel.errors import InputError
from gliolabel.studies.itk_files import ITK_READS

#: The channels of a colour slice, as the LGG set stores them: before contrast, FLAIR, after contrast.
COLOUR_SEQUENCES = ("t1", "flair", "t1ce")


def slice_size(path: Path, *, where: str) -> tuple[int, int]:
    """Columns and rows of a slice, from the file's header.

    Raises:
        InputError: it is no 2-D image.
    """
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        with ITK_READS:
            reader.ReadImageInformation()
        size = tuple(int(n) for n in reader.GetSize())
    except RuntimeError as error:
        raise _unreadable(where, error) from error
    return _flat(size, where=where)


def read_slice(path: Path, *, where: str) -> np.ndarray:
    """The channels of a slice.

    Args:
        path: a .tif, .tiff or .png file; 8 or 16 bit, or floating point.
        where: the case and the file, for messages.

    Returns:
        (channels, rows, columns) in the file's number type: 1 channel (FLAIR), or 3 in the order of :data:`COLOUR_SEQUENCES`. An opacity
        channel is left out.

    Raises:
        InputError: the file cannot be read, is not 2-D, or holds NaN.
    """
    try:
        with ITK_READS:
            image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise _unreadable(where, error) from error
    columns, rows = _flat(image.GetSize(), where=where)
    array = sitk.GetArrayFromImage(image).reshape(rows, columns, -1)
    channels = array[..., : 3 if array.shape[-1] >= 3 else 1].transpose(2, 0, 1)
    if channels.dtype.kind == "f" and not np.isfinite(channels).all():
        raise InputError(f"{where}: holds NaN or infinite values, expected numbers. Export the slice again")
    return channels


def read_slice_mask(path: Path, *, where: str) -> np.ndarray:
    """A mask, uint8 (rows, columns), 1 where the file is above half of its range (0 and 1, or 0 and 255).

    Raises:
        InputError: the file cannot be read or is not 2-D.

    Source: report 004, section 3.4 (mask / 255 above 0.5).
    """
    values = read_slice(path, where=where)[0]
    return (values > (0 if values.max() <= 1 else 127)).astype(np.uint8)


def _flat(size: tuple[int, ...], *, where: str) -> tuple[int, int]:
    if len(size) < 2 or any(n != 1 for n in size[2:]):
        raise InputError(f"{where}: is an image of {' x '.join(map(str, size))}, expected one slice per file")
    return int(size[0]), int(size[1])


def _unreadable(where: str, error: Exception) -> InputError:
    words = str(error).strip().splitlines()
    return InputError(
        f"{where}: cannot be read as an image ({words[-1].strip() if words else 'no reader knows it'}). "
        "Expected a TIFF or PNG slice; copy it again from its source"
    )
