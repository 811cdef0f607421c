"""The stored values of an image, from whatever transfer syntax they are in."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

import numpy as np
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, RLELossless

from gliolabel.errors import InputError
from gliolabel.studies.itk_files import ITK_READS

#: Compressed forms that SimpleITK's GDCM decodes: JPEG (baseline, extended, lossless), JPEG-LS, JPEG 2000.
_BY_GDCM: Final[frozenset[str]] = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 57, 70, 80, 81, 90, 91))
#: All that a decoder needs to know; nothing of the patient is copied.
_PIXEL_MODULE: Final[tuple[str, ...]] = (
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "NumberOfFrames",
    "PixelData",
)
_SECONDARY_CAPTURE: Final = UID("1.2.840.10008.5.1.4.1.1.7.3")
_DAMAGED: Final = "The image is truncated or damaged; send the series again"


def stored_values(dataset: Dataset, *, where: str) -> np.ndarray:
    """The values as they are stored, before any rescaling.

    Args:
        dataset: an image, whole.
        where: the case and the image, for messages.

    Returns:
        Integers (frame, row, column).

    Raises:
        InputError: no grey image, a transfer syntax that is not read, or damaged pixel data.
    """
    syntax = UID(str(getattr(dataset.file_meta, "TransferSyntaxUID", "")))
    if "PixelData" not in dataset:
        raise InputError(f"{where}: has no pixel data, so there is nothing to see. {_DAMAGED}")
    if int(dataset.get("SamplesPerPixel", 1)) != 1:
        raise InputError(f"{where}: is a colour image, expected grey values")
    shape = (int(dataset.get("NumberOfFrames") or 1), int(dataset.Rows), int(dataset.Columns))
    if not syntax.is_compressed or syntax.is_deflated or syntax == RLELossless:
        values = _by_pydicom(dataset, where=where)
    elif str(syntax) in _BY_GDCM:
        values = _by_gdcm(dataset, syntax, where=where)
    else:
        raise InputError(
            f"{where}: is stored as {syntax.name}, which is not read here. Uncompressed, RLE, JPEG, JPEG-LS and JPEG 2000 are; "
            "let the PACS send one of these"
        )
    if values.size != int(np.prod(shape)):
        raise InputError(f"{where}: holds {values.size} voxels, its header promises {int(np.prod(shape))}. {_DAMAGED}")
    return values.reshape(shape)


def _by_pydicom(dataset: Dataset, *, where: str) -> np.ndarray:
    try:
        values = dataset.pixel_array
    except Exception as error:  # pydicom's handlers raise whatever they meet
        raise InputError(f"{where}: its pixel data cannot be read ({_last_line(error)}). {_DAMAGED}") from error
    return _significant_bits(values, dataset)


def _by_gdcm(dataset: Dataset, syntax: UID, *, where: str) -> np.ndarray:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID = _SECONDARY_CAPTURE
    meta.MediaStorageSOPInstanceUID = UID("2.25.1")
    # A class without rescaling, so that GDCM gives the stored values.
    plain = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128, is_implicit_VR=False, is_little_endian=True)
    plain.SOPClassUID, plain.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    for keyword in _PIXEL_MODULE:
        if keyword in dataset:
            plain[keyword] = dataset[keyword]
    with tempfile.TemporaryDirectory(prefix="gliolabel-") as folder:
        path = Path(folder, "image.dcm")
        plain.save_as(path, write_like_original=False)
        try:
            with ITK_READS:
                return sitk.GetArrayFromImage(sitk.ReadImage(str(path), imageIO="GDCMImageIO"))
        except RuntimeError as error:
            raise InputError(f"{where}: its {syntax.name} pixel data cannot be decoded ({_last_line(error)}). {_DAMAGED}") from error


def _significant_bits(values: np.ndarray, dataset: Dataset) -> np.ndarray:
    """Values without what old scanners keep in the bits above those that count (overlays)."""
    stored, allocated = int(dataset.BitsStored), int(dataset.BitsAllocated)
    above = allocated - stored
    if above <= 0 or int(dataset.get("HighBit", stored - 1)) != stored - 1 or values.dtype.kind not in "iu":
        return values
    return (values << above) >> above


def _last_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[-1].strip() if lines else type(error).__name__
