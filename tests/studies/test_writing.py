"""Files appear whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from tests.disks import no_file_longer_than

from gliolabel.errors import InputError, UnavailableError
from gliolabel.phantoms import Phantom
from gliolabel.studies.writing import write_volume


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, tiny: Phantom, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mask.nii.gz"
    write_volume(tiny.labels, tiny.grid, path)
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UnavailableError, match=r"mask\.nii\.gz cannot be written .*No space left"):
        write_volume(tiny.labels * 0, tiny.grid, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("extension", [".nii.gz", ".nii", ".nrrd", ".mha"])
@pytest.mark.parametrize("length", [0, 300, 6000])
def test_a_file_that_was_not_written_to_its_end_is_no_file(tmp_path: Path, tiny: Phantom, extension: str, length: int) -> None:
    path = tmp_path / f"mask{extension}"
    noise = np.random.default_rng(0).integers(0, 256, tiny.labels.shape).astype(np.uint8)  # which no compression makes small
    with no_file_longer_than(length), pytest.raises(UnavailableError, match="cannot be written"):
        write_volume(noise, tiny.grid, path)
    assert list(tmp_path.iterdir()) == []
    write_volume(noise, tiny.grid, path)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(path))), noise)


@pytest.mark.parametrize("extension", [".nii.gz", ".nrrd", ".mha"])
def test_a_file_that_reaches_the_disk_only_when_it_is_closed_is_looked_at_too(tmp_path: Path, tiny: Phantom, extension: str) -> None:
    # A mask of little more than nothing: some hundred bytes, of which the writer hears nothing when they are lost.
    path = tmp_path / f"mask{extension}"
    with no_file_longer_than(0), pytest.raises(UnavailableError, match="cannot be written"):
        write_volume(tiny.labels * 0, tiny.grid, path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("extension", [".nii.gz", ".nii", ".nrrd", ".mha"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
@pytest.mark.parametrize("compress", [True, False])
def test_what_was_written_to_its_end_is_a_file(tmp_path: Path, tiny: Phantom, extension: str, dtype: type, compress: bool) -> None:
    path = tmp_path / f"volume{extension}"
    write_volume(tiny.sequences["t1"].astype(dtype), tiny.grid, path, compress=compress)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(path))), tiny.sequences["t1"].astype(dtype))


def test_a_missing_folder(tmp_path: Path, tiny: Phantom) -> None:
    with pytest.raises(UnavailableError, match="its folder exists"):
        write_volume(tiny.labels, tiny.grid, tmp_path / "no" / "mask.nrrd")


def test_an_unknown_format(tmp_path: Path, tiny: Phantom) -> None:
    with pytest.raises(InputError, match=r"mask\.png.*\.nii\.gz"):
        write_volume(tiny.labels, tiny.grid, tmp_path / "mask.png")


def test_wrong_shape_and_type(tmp_path: Path, tiny: Phantom) -> None:
    with pytest.raises(ValueError, match="shape"):
        write_volume(tiny.labels[1:], tiny.grid, tmp_path / "mask.nrrd")
    with pytest.raises(ValueError, match="complex"):
        write_volume(tiny.labels.astype(complex), tiny.grid, tmp_path / "mask.nrrd")


def test_nrrd_is_compressed(tmp_path: Path, tiny: Phantom) -> None:
    write_volume(tiny.labels, tiny.grid, tmp_path / "mask.nrrd")
    assert b"encoding: gzip" in (tmp_path / "mask.nrrd").read_bytes()


def test_booleans_become_bytes(tmp_path: Path, tiny: Phantom) -> None:
    write_volume(tiny.labels > 0, tiny.grid, tmp_path / "mask.nrrd")
    read = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "mask.nrrd")))
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, tiny.labels > 0)
