"""Images are read in whatever form a PACS or a scanner stores them, one slice an object or all slices in one."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pillow_jpls  # noqa: F401  (it tells Pillow of JPEG-LS)
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)
from tests.dicom.made_up import HABITS, write_enhanced, write_series

from gliolabel.dicom import DicomFolder, DicomOptions
from gliolabel.errors import InputError
from gliolabel.studies import Case, Grid

GRID = Grid((24, 20, 12), (1.0, 1.0, 2.0), (0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0))


def only_case(folder: Path) -> Case:
    (case,) = DicomFolder(folder, DicomOptions())
    return case


def made_up_array(lowest: int = 0) -> np.ndarray:
    array = np.random.default_rng(0).integers(lowest, 4000, GRID.shape).astype(np.int16)
    array[:, 0, 0] = lowest
    return array


def written(folder: Path, array: np.ndarray, *, enhanced: bool) -> list[Path]:
    tags = HABITS["ge"]["t2"]
    if enhanced:
        write_enhanced(folder / "all.dcm", array, GRID, study="1.2.3", number=1, frame="1.2", tags=tags)
    else:
        write_series(folder, array, GRID, study="1.2.3", number=1, frame="1.2", tags=tags)
    return sorted(folder.iterdir())


def _by_pillow(image: Dataset, kind: str, **options: object) -> None:
    """Compress every frame by itself, as the standard has it."""
    frames = image.pixel_array.reshape(-1, image.Rows, image.Columns)
    coded = []
    for frame in frames:
        stream = io.BytesIO()
        Image.fromarray(frame.view(np.uint16)).save(stream, kind, **options)
        coded.append(stream.getvalue())
    image.PixelData = encapsulate(coded)
    image["PixelData"].is_undefined_length = True


def jpeg_ls(image: Dataset) -> None:
    _by_pillow(image, "JPEG-LS")
    image.file_meta.TransferSyntaxUID = JPEGLSLossless


def rle(image: Dataset) -> None:
    image.compress(RLELossless)


def jpeg_2000(image: Dataset) -> None:
    assert image.PixelRepresentation == 0, "Pillow codes no signed values"
    _by_pillow(image, "JPEG2000", irreversible=False, no_jp2=True)
    image.file_meta.TransferSyntaxUID = JPEG2000Lossless


@pytest.mark.parametrize("enhanced", [False, True])
@pytest.mark.parametrize(("compress", "lowest"), [(jpeg_ls, 0), (jpeg_ls, -300), (rle, 0), (rle, -300), (jpeg_2000, 0)])
def test_compressed_slices_and_frames_are_read(tmp_path: Path, compress: Callable[[Dataset], None], lowest: int, enhanced: bool) -> None:
    array = made_up_array(lowest)
    for path in written(tmp_path, array, enhanced=enhanced):
        image = pydicom.dcmread(path)
        before = len(image.PixelData)
        compress(image)
        assert len(image.PixelData) != before
        image.save_as(path)
    assert np.array_equal(only_case(tmp_path).read().arrays["t2"], array)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
def test_uncompressed_forms_are_read(tmp_path: Path, syntax: str) -> None:
    array = made_up_array(-300)
    for path in written(tmp_path, array, enhanced=False):
        image = pydicom.dcmread(path)
        values = image.pixel_array
        image.file_meta.TransferSyntaxUID = syntax
        image.is_implicit_VR, image.is_little_endian = syntax == ImplicitVRLittleEndian, syntax != ExplicitVRBigEndian
        if not image.is_little_endian:
            image.PixelData = values.astype(">i2").tobytes()
        image.save_as(path, write_like_original=False)
    assert np.array_equal(only_case(tmp_path).read().arrays["t2"], array)


@pytest.mark.parametrize("compress", [jpeg_ls, rle, jpeg_2000])
def test_compressed_frames_cut_off_are_refused_with_their_series(tmp_path: Path, compress: Callable[[Dataset], None]) -> None:
    (path,) = written(tmp_path, made_up_array(), enhanced=True)
    image = pydicom.dcmread(path)
    compress(image)
    image.save_as(path)
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(InputError, match=r"series 1 \(t2\)"):
        only_case(tmp_path).read()
