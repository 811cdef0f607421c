"""Folders of slices in the layout of the LGG set: what is found, in which order, and what is wrong with damaged ones."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from gliolabel.errors import InputError, UnknownError
from gliolabel.studies.lgg import open_lgg

PATIENT = "TCGA_CS_4941_19960909"


def write(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(sitk.GetImageFromArray(array, isVector=array.ndim == 3), str(path))


def write_patient(root: Path, name: str, *, numbers: tuple[int, ...] = (1, 2, 10), suffix: str = ".tif", colour: bool = True) -> None:
    """Slices whose pixels hold their number (t1), ten times it (flair), twenty times it (t1ce)."""
    for number in numbers:
        plane = np.full((6, 8), number, dtype=np.uint8)
        write(root / name / f"{name}_{number}{suffix}", np.stack([plane, plane * 10, plane * 20], axis=-1) if colour else plane * 10)
        mask = np.zeros((6, 8), dtype=np.uint8)
        mask[0, :number] = 255
        write(root / name / f"{name}_{number}_mask{suffix}", mask)


@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_slices_are_read_in_the_order_of_their_numbers(tmp_path: Path, suffix: str) -> None:
    write_patient(tmp_path / "kaggle_3m", PATIENT, suffix=suffix)
    studies = open_lgg(tmp_path)
    case = studies.get(PATIENT)
    assert [one.id for one in studies] == [PATIENT]
    assert case.patient == "TCGA_CS_4941"
    assert [one.number for one in case.slices] == [1, 2, 10]
    assert case.shape() == (3, 6, 8)
    arrays = case.read()
    assert {name: array[:, 0, 0].tolist() for name, array in arrays.items()} == {
        "t1": [1, 2, 10],
        "flair": [10, 20, 100],
        "t1ce": [20, 40, 200],
    }
    assert all(array.dtype == np.float32 and array.shape == (3, 6, 8) for array in arrays.values())
    masks = case.read_masks()
    assert masks.dtype == np.uint8
    assert masks.sum(axis=(1, 2)).tolist() == [1, 2, 8]


def test_grey_slices_are_flair(tmp_path: Path) -> None:
    write_patient(tmp_path, "P7", colour=False)
    case = open_lgg(tmp_path).get("P7")
    assert case.patient == "P7"
    assert list(case.read()) == ["flair"]


def test_cases_are_told_apart_and_have_stable_ids(tmp_path: Path) -> None:
    write_patient(tmp_path / "a", "P1")
    write_patient(tmp_path / "b", "P1")
    write_patient(tmp_path, "P2")
    studies = open_lgg(tmp_path)
    assert [case.id for case in studies] == ["P2", "a-P1", "b-P1"]
    assert "a-P1, b-P1" in studies.warnings[0]
    with pytest.raises(UnknownError, match="'P1' is not in"):
        studies.get("P1")


def test_an_empty_or_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no slices; expected \.tif"):
        open_lgg(tmp_path)
    with pytest.raises(InputError, match="there is no such folder"):
        open_lgg(tmp_path / "nowhere")


def test_a_missing_mask_is_named(tmp_path: Path) -> None:
    write_patient(tmp_path, PATIENT)
    os.remove(tmp_path / PATIENT / f"{PATIENT}_2_mask.tif")
    case = open_lgg(tmp_path).get(PATIENT)
    assert case.read()["flair"].shape == (3, 6, 8)
    with pytest.raises(
        InputError, match=f"case {PATIENT}, file {PATIENT}_2.tif: has no mask beside it .1 of 3.*expected {PATIENT}_2_mask.tif"
    ):
        case.read_masks()


@pytest.mark.parametrize("kind", ["", "_mask"])
def test_a_damaged_file_is_named(tmp_path: Path, kind: str) -> None:
    write_patient(tmp_path, PATIENT)
    path = tmp_path / PATIENT / f"{PATIENT}_10{kind}.tif"
    path.write_bytes(path.read_bytes()[:40])
    case = open_lgg(tmp_path).get(PATIENT)
    with pytest.raises(InputError, match=f"case {PATIENT}, file {path.name}: cannot be read as an image"):
        (case.read_masks if kind else case.read)()


@pytest.mark.parametrize("kind", ["", "_mask"])
def test_another_size_is_named(tmp_path: Path, kind: str) -> None:
    write_patient(tmp_path, PATIENT)
    path = tmp_path / PATIENT / f"{PATIENT}_2{kind}.tif"
    write(path, np.zeros((5, 8) if kind else (5, 8, 3), dtype=np.uint8))
    case = open_lgg(tmp_path).get(PATIENT)
    with pytest.raises(InputError, match=f"case {PATIENT}, file {path.name}: has 8 x 5 pixels.*first slice.* 8 x 6 pixels"):
        (case.read_masks if kind else case.read)()


def test_real_slices(brats_folder: Path) -> None:
    folder = brats_folder.parent / "lgg"
    if not folder.is_dir():
        pytest.skip(f"no real slices at {folder}")
    studies = open_lgg(folder)
    assert (len(studies), sum(len(case.slices) for case in studies)) == (24, 848)
    assert sum(int(case.read_masks().any(axis=(1, 2)).sum()) for case in studies) == 285
