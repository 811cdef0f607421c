from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from gliolabel.errors import InputError
from gliolabel.labelserver.submissions import read_submission
from gliolabel.studies import Grid

GRID = Grid(size=(6, 5, 4), spacing=(1.0, 1.0, 2.0), origin=(10.0, -20.0, 5.0), direction=(0, 1, 0, -1, 0, 0, 0, 0, 1))


def label(*counts: int) -> np.ndarray:
    """An int16 label with counts[k] voxels of value k + 1."""
    array = np.zeros(int(np.prod(GRID.shape)), np.int16)
    array[: sum(counts)] = np.repeat(np.arange(1, len(counts) + 1), counts)
    return array.reshape(GRID.shape)


def write(path: Path, array: np.ndarray, grid: Grid = GRID, **header: str) -> Path:
    image = grid.image(array)
    for key, value in header.items():
        image.SetMetaData(key, value)
    sitk.WriteImage(image, str(path))
    return path


def submit(path: Path, *names: str, grid: Grid = GRID):
    # idx is what Slicer's enumeration gave; it must not matter
    info = [{"name": name, "idx": 7 * position + 3} for position, name in enumerate(names)]
    return read_submission(path, label_info=info, grid=grid, case_id="case")


def counts(array: np.ndarray) -> list[int]:
    return np.bincount(array.ravel(), minlength=4)[1:].tolist()


@pytest.mark.parametrize("extension", [".nii.gz", ".nrrd", ".nii", ".mha"])
def test_values_go_by_name_and_position(tmp_path: Path, extension: str) -> None:
    path = write(tmp_path / f"label{extension}", label(3, 5, 7))
    submission = submit(path, "enhancing tumor", "necrosis", "edema")
    assert counts(submission.array) == [5, 7, 3]
    assert submission.array.dtype == np.uint8
    assert submission.volumes_ml == {"WT": 0.03, "TC": 0.016, "ET": 0.006}


def test_names_are_compared_without_case_and_blanks(tmp_path: Path) -> None:
    assert counts(submit(write(tmp_path / "l.nrrd", label(1, 2)), " Edema", "Enhancing Tumor").array) == [0, 1, 2]


def test_without_names_values_are_ours(tmp_path: Path) -> None:
    path = write(tmp_path / "l.nrrd", label(1, 2, 3))
    for info in (None, []):
        assert counts(read_submission(path, label_info=info, grid=GRID, case_id="c").array) == [1, 2, 3]
    with pytest.raises(InputError, match=r"value 4 \(4 voxels\)"):
        read_submission(write(tmp_path / "four.nrrd", label(1, 2, 3, 4)), label_info=None, grid=GRID, case_id="c")


def test_other_names_are_refused_with_voxels_and_passed_over_without(tmp_path: Path) -> None:
    path = write(tmp_path / "l.nrrd", label(2, 0, 3))
    submission = submit(path, "necrosis", "my notes", "edema")
    assert submission.ignored == ("my notes",)
    assert counts(submission.array) == [2, 3, 0]
    with pytest.raises(InputError, match=r"'my notes' \(3 voxels\)"):
        submit(path, "necrosis", "edema", "my notes")


def test_background_by_name_is_background(tmp_path: Path) -> None:
    assert counts(submit(write(tmp_path / "l.nrrd", label(2, 3)), "background", "edema").array) == [0, 3, 0]


def test_a_value_without_a_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="value 2"):
        submit(write(tmp_path / "l.nrrd", label(2, 3)), "edema")
    negative = label(2)
    negative[0, 0, 0] = -1
    with pytest.raises(InputError, match="value -1"):
        submit(write(tmp_path / "n.nrrd", negative), "edema")


def test_values_far_apart_are_refused_too(tmp_path: Path) -> None:
    far = label(2).astype(np.int32)
    far[-1, -1, -2:] = 2_000_000_000
    with pytest.raises(InputError, match=r"2000000000 \(2 voxels\)"):
        submit(write(tmp_path / "l.nrrd", far), "edema")


def test_an_empty_label_is_a_label(tmp_path: Path) -> None:
    assert counts(submit(write(tmp_path / "l.nrrd", label()), "edema").array) == [0, 0, 0]


def test_floats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="float32"):
        submit(write(tmp_path / "l.nrrd", label(2).astype(np.float32)), "edema")


@pytest.mark.parametrize(
    "change",
    [
        {"origin": (11.0, -20.0, 5.0)},
        {"spacing": (1.0, 1.0, 2.1)},
        {"direction": (1, 0, 0, 0, 1, 0, 0, 0, 1)},
    ],
)
def test_another_grid_is_refused(tmp_path: Path, change: dict) -> None:
    other = Grid(**{**GRID.__dict__, **change})
    with pytest.raises(InputError, match="grid"):
        submit(write(tmp_path / "l.nrrd", label(2), grid=other), "edema")


def test_another_size_is_refused(tmp_path: Path) -> None:
    other = Grid(**{**GRID.__dict__, "size": (6, 5, 5)})
    with pytest.raises(InputError, match="grid"):
        submit(write(tmp_path / "l.nrrd", np.zeros(other.shape, np.int16), grid=other), "edema")


@pytest.mark.parametrize("info", ["edema", [1], [{"idx": 1}], {"name": "edema"}])
def test_a_strange_label_info_is_refused(tmp_path: Path, info: object) -> None:
    with pytest.raises(InputError, match="label_info"):
        read_submission(write(tmp_path / "l.nrrd", label(2)), label_info=info, grid=GRID, case_id="c")


def test_not_a_volume(tmp_path: Path) -> None:
    (tmp_path / "l.nii.gz").write_bytes(b"garbage")
    with pytest.raises(InputError):
        submit(tmp_path / "l.nii.gz", "edema")
    with pytest.raises(InputError, match=r"\.json"):
        submit(tmp_path / "l.json", "edema")


def test_a_slicer_segmentation_says_itself_what_its_values_are(tmp_path: Path) -> None:
    header = {"Segment0_Name": "edema", "Segment0_LabelValue": "2", "Segment1_Name": "necrosis", "Segment1_LabelValue": "1"}
    path = write(tmp_path / "l.seg.nrrd", label(3, 5), **header)
    assert counts(submit(path, "edema", "necrosis").array) == [3, 5, 0]


# --- segments that are no tissue


@pytest.mark.parametrize("name", ["foreground_scribbles", "background_scribbles", "uncertainty high", "Uncertain"])
def test_scribbles_and_uncertainty_are_left_out_where_that_loses_nothing(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "l.nrrd", label(4, 2, 3))
    submission = submit(path, name, "necrosis", "edema")
    assert counts(submission.array) == [2, 3, 0]
    assert submission.left_out == {name: 4}
    assert any(name in note and "4 voxels" in note for note in submission.notes())
    # After a tissue they may have painted over it: what lies below is not known.
    with pytest.raises(InputError, match=f"'{name}' \\(2 voxels\\) came after a tissue"):
        submit(path, "necrosis", name, "edema")
    # Without voxels they are passed over, wherever they stand.
    assert counts(submit(write(tmp_path / "m.nrrd", label(4, 0, 3)), "necrosis", name, "edema").array) == [4, 3, 0]
    # In a segmentation file of one layer nothing overlaps.
    header = {"Segment0_Name": "edema", "Segment0_LabelValue": "1", "Segment1_Name": name, "Segment1_LabelValue": "2"}
    own = write(tmp_path / "l.seg.nrrd", label(3, 5), **header)
    assert counts(submit(own).array) == [0, 3, 0]


def test_a_name_that_only_looks_like_a_helper_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="my_scribbles"):
        submit(write(tmp_path / "l.nrrd", label(4, 2)), "my_scribbles", "edema")


def test_two_segments_of_one_name_are_one_tissue(tmp_path: Path) -> None:
    assert counts(submit(write(tmp_path / "l.nrrd", label(4, 2, 3)), "edema", "necrosis", "Edema").array) == [2, 7, 0]


def test_a_deleted_segment_is_an_empty_tissue(tmp_path: Path) -> None:
    assert counts(submit(write(tmp_path / "l.nrrd", label(4)), "enhancing tumor").array) == [0, 0, 4]


def segmentation(path: Path, array: np.ndarray, names: dict[int, str]) -> Path:
    header = {}
    for number, (value, name) in enumerate(names.items()):
        header |= {f"Segment{number}_Name": name, f"Segment{number}_LabelValue": str(value)}
    return write(path, array, **header)


def test_segments_named_by_value_are_ours_when_a_reviewer_sends_them(tmp_path: Path) -> None:
    path = segmentation(tmp_path / "l.nrrd", label(0, 2, 3), {2: "Segment_2", 3: "Segment_3"})

    def read(file: Path, *, reviewer: bool):
        return read_submission(file, label_info=None, grid=GRID, case_id="c", named_by_value=reviewer)

    assert counts(read(path, reviewer=True).array) == [0, 2, 3]
    with pytest.raises(InputError, match="Segment_2"):
        read(path, reviewer=False)
    # A segment that the reviewer added is named by a number of its own and has the next free value.
    added = segmentation(tmp_path / "m.nrrd", label(0, 2, 3, 4), {2: "Segment_2", 3: "Segment_3", 4: "Segment_1"})
    with pytest.raises(InputError, match=r"'Segment_1' \(4 voxels\)"):
        read(added, reviewer=True)
