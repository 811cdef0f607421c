"""A folder of slices as cases: what is found, what Slicer gets, what is said about broken files."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from made_up_slices import SIZE, make_patient, write_flair_volume, write_patient, write_slice

from gliolabel.errors import InputError
from gliolabel.labelserver.slices import SliceStudies
from gliolabel.labelserver.slices.configuration import SliceConfiguration
from gliolabel.labelserver.slices.segmenting import channels_of


def lgg_folder() -> Path:
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("GLIOLABEL_TEST_DATA", beside)) / "lgg"
    if not folder.is_dir():
        pytest.skip(f"no real slices at {folder} (set GLIOLABEL_TEST_DATA)")
    return folder


def test_slices_of_a_patient_are_one_volume_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    image, mask = make_patient(1, slices=12)
    for number in range(12):  # written so that P_10 comes before P_2 in the alphabet
        write_slice(tmp_path / "P" / f"P_{number + 1}.tif", image[number])
        write_slice(tmp_path / "P" / f"P_{number + 1}_mask.tif", mask[number] * np.uint8(255))
    (case,) = SliceStudies(tmp_path, spacing=(1.0, 1.0, 4.5))
    assert case.id == "P"
    images = case.read()
    assert list(images.arrays) == ["t1", "flair", "t1ce"]
    np.testing.assert_array_equal(images.arrays["flair"], image[..., 1])
    np.testing.assert_array_equal(images.arrays["t1ce"], image[..., 2])
    np.testing.assert_array_equal(case.read_label(), mask)
    served = sitk.ReadImage(str(case.reference_file(tmp_path / "cache")))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(served), image[..., 1])
    assert served.GetSpacing() == pytest.approx((1.0, 1.0, 4.5))
    assert case.grid().same_as(case.grid().of(served))


def test_stacks_single_slices_and_volumes_lie_side_by_side(tmp_path: Path) -> None:
    write_patient(tmp_path, "A", seed=1)
    write_patient(tmp_path, "B", seed=2, masks=False, ending=".png")
    write_slice(tmp_path / "lonely.png", make_patient(3)[0][3][..., 1])
    write_flair_volume(tmp_path / "vol" / "C_flair.nii.gz", seed=4)
    write_flair_volume(tmp_path / "vol" / "D.mha", seed=5)
    write_flair_volume(tmp_path / "vol" / "C_t1ce.nii.gz", seed=4)
    sitk.WriteImage(sitk.GetImageFromArray(make_patient(5)[1] * np.uint8(4)), str(tmp_path / "vol" / "D_seg.nrrd"))
    studies = SliceStudies(tmp_path)
    assert studies.ids == ("A", "B", "C", "D", "lonely")
    assert {case.id for case in studies if case.label is not None} == {"A", "D"}
    assert studies.get("lonely").grid().shape == (1, SIZE, SIZE)
    assert studies.get("B").read().arrays["flair"].shape == (6, SIZE, SIZE)
    assert any("1 volume file(s) are passed over" in warning for warning in studies.warnings)
    assert studies.layout == "2 stacks of slices, 1 single slice, 2 FLAIR volumes"
    assert not studies.problems


def test_a_slice_of_one_channel_is_flair_and_stands_in_for_the_others(tmp_path: Path) -> None:
    write_slice(tmp_path / "x.tif", make_patient(3)[0][3][..., 1])
    image, warnings = channels_of(SliceStudies(tmp_path).get("x").read(), ("t1", "flair", "t1ce"))
    assert image.shape == (3, 1, SIZE, SIZE)
    np.testing.assert_array_equal(image[0], image[1])
    assert len(warnings) == 2
    assert "--conf spacing" in warnings[0]
    assert "FLAIR stands in" in warnings[1]
    _, warnings = channels_of(SliceStudies(tmp_path, spacing=(1, 1, 3)).get("x").read(), ("flair",))
    assert warnings == ()


def test_a_volume_is_brought_to_the_range_of_the_slices(tmp_path: Path) -> None:
    flair, _ = write_flair_volume(tmp_path / "V_flair.nii.gz", seed=4)
    assert flair.max() > 1000
    image, warnings = channels_of(SliceStudies(tmp_path).get("V").read(), ("flair",))
    assert image.min() == 0
    assert image.max() == 255
    assert np.corrcoef(image[0].ravel(), flair.ravel())[0, 1] > 0.999
    assert warnings == ()


def test_a_changed_or_added_slice_makes_a_new_volume(tmp_path: Path) -> None:
    image, _ = write_patient(tmp_path / "studies", "A", seed=1)
    studies = SliceStudies(tmp_path / "studies")
    first = studies.get("A").reference_file(tmp_path / "cache")
    assert studies.get("A").reference_file(tmp_path / "cache") == first
    time.sleep(0.01)
    write_slice(tmp_path / "studies" / "A" / "A_2.tif", image[4])
    second = studies.get("A").reference_file(tmp_path / "cache")
    assert second != first
    np.testing.assert_array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(second)))[1], image[4][..., 1])
    write_slice(tmp_path / "studies" / "A" / "A_7.tif", image[0])
    studies.refresh()
    assert studies.get("A").grid().shape[0] == 7
    assert studies.get("A").label is None, "the seventh slice has no mask"
    (problem,) = studies.problems
    assert "A_7.tif" in problem.message


def test_without_stacking_every_slice_is_a_case(tmp_path: Path) -> None:
    write_patient(tmp_path, "A", seed=1)
    studies = SliceStudies(tmp_path, stacked=False)
    assert studies.ids == tuple(f"A_{n}" for n in range(1, 7))
    assert all(case.label is not None for case in studies)


def test_errors_name_the_case_the_file_and_what_was_expected(tmp_path: Path) -> None:
    image, _ = write_patient(tmp_path, "A", seed=1, masks=False)
    write_slice(tmp_path / "A" / "A_3.tif", image[2][:40])
    with pytest.raises(InputError, match=r"case A, file A_3\.tif: has 48 x 40 pixels of 3 channels, the case's first slice 48 x 48"):
        SliceStudies(tmp_path).get("A").read()
    (tmp_path / "A" / "A_3.tif").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"case A, file A_3\.tif: cannot be read as an image"):
        SliceStudies(tmp_path).get("A").reference_file(tmp_path / "cache")


def test_an_empty_folder_says_what_was_expected(tmp_path: Path) -> None:
    (warning,) = SliceStudies(tmp_path).warnings
    assert "PATIENT_1.tif" in warning


@pytest.mark.parametrize("text", ["1,1", "1,1,0", "a,b,c", "1,1,nan"])
def test_a_spacing_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="three numbers"):
        SliceConfiguration(spacing=text)  # type: ignore[arg-type]
    assert SliceConfiguration(spacing="0.5,0.5,6").spacing == (0.5, 0.5, 6.0)  # type: ignore[arg-type]


def test_the_real_set_is_read_whole() -> None:
    studies = SliceStudies(lgg_folder())
    assert all(case.label is not None for case in studies)
    assert not studies.problems
    case = studies.get(studies.ids[0])
    images, label = case.read(), case.read_label()
    assert label is not None
    assert images.arrays["flair"].shape == label.shape
    # FLAIR abnormality is bright on FLAIR.
    assert images.arrays["flair"][label > 0].mean() > images.arrays["flair"][(label == 0) & (images.arrays["flair"] > 20)].mean()
