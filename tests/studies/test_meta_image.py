"""MetaImage headers are read here and not by ITK: what is read is what ITK reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from tests.studies.damages import GRID, VOXELS

from gliolabel.errors import InputError
from gliolabel.studies.grid import Grid
from gliolabel.studies.voxels import read_volume
from gliolabel.studies.writing import write_volume


def written(path: Path, *, kind: type[np.generic] = np.int16, compress: bool = False) -> bytes:
    write_volume(VOXELS.astype(kind), GRID, path, compress=compress)
    return path.read_bytes()


def same_as_itk(path: Path) -> None:
    image, volume = sitk.ReadImage(str(path)), read_volume(path, where="x")
    np.testing.assert_array_equal(volume.array, sitk.GetArrayFromImage(image))
    assert volume.array.dtype == sitk.GetArrayFromImage(image).dtype
    assert volume.header.grid == Grid.of(image)


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("compress", [True, False])
def test_number_types(tmp_path: Path, kind: type[np.generic], compress: bool) -> None:
    written(tmp_path / "x.mha", kind=kind, compress=compress)
    same_as_itk(tmp_path / "x.mha")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Offset", "Position"),
        ("Offset", "Origin"),
        ("TransformMatrix", "Rotation"),
        ("TransformMatrix", "Orientation"),
        ("ElementSpacing", "ElementSize"),
        ("ElementSpacing = 1 1.5 2", "ElementSpacing = 1 1.5 2\nElementSize = 3 3 3"),
        ("BinaryDataByteOrderMSB = False", "BinaryDataByteOrderMSB = True"),
        ("BinaryDataByteOrderMSB = False", "ElementByteOrderMSB = True"),
        ("BinaryDataByteOrderMSB = False\n", ""),
        ("CenterOfRotation = 0 0 0\n", ""),
        ("ElementSpacing = 1 1.5 2\n", ""),
        ("ElementSpacing = ", "ElementSpacing="),
        ("ElementSpacing = ", "ElementSpacing : "),
        ("NDims", "Comment = a = b: c\nNDims"),
        ("AnatomicalOrientation = RAI", "AnatomicalOrientation = LPS"),
        ("LOCAL", "Local"),
    ],
)
def test_other_ways_to_say_it(tmp_path: Path, old: str, new: str) -> None:
    path = tmp_path / "x.mha"
    data = written(path)
    changed = data.replace(old.encode(), new.encode(), 1)
    assert changed != data
    path.write_bytes(changed)
    same_as_itk(path)


def test_windows_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "x.mha"
    head, last, voxels = written(path).partition(b"ElementDataFile = LOCAL\n")
    path.write_bytes(head.replace(b"\n", b"\r\n") + last + voxels)
    same_as_itk(path)


@pytest.mark.parametrize("axes", [0, 99, -1, 10**9])
def test_a_number_of_axes_that_ends_itks_process(tmp_path: Path, axes: int) -> None:
    path = tmp_path / "x.mha"
    path.write_bytes(written(path).replace(b"NDims = 3", f"NDims = {axes}".encode(), 1))
    with pytest.raises(InputError, match=r"^x: its header gives NDims = "):
        read_volume(path, where="x")
