"""Which files make a case, and how its labels are numbered, in every layout that is out there."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from gliolabel.errors import InputError, UnknownError
from gliolabel.phantoms import Phantom, write_phantom_case, write_phantom_folder
from gliolabel.studies import open_studies
from gliolabel.studies.record import write_record
from gliolabel.studies.writing import write_volume
from gliolabel.vocabulary import SEQUENCES

SHAPE = (18, 30, 24)


@pytest.mark.parametrize("layout", ["2017", "2021", "2023", "flat", "msd"])
def test_every_layout_gives_the_same_voxels_and_labels(tmp_path: Path, layout: str) -> None:
    ids = write_phantom_folder(tmp_path, cases=3, shape=SHAPE, layout=layout)
    studies = open_studies(tmp_path)
    assert list(studies.ids) == sorted(ids)
    assert not studies.warnings
    assert not studies.problems
    expected = [_phantom(n) for n in range(3)]
    for case_id, phantom in zip(ids, expected, strict=True):
        case = studies.get(case_id)
        images = case.read()
        assert not images.warnings
        assert images.grid.same_as(phantom.grid, tolerance_mm=1e-4)
        for sequence in SEQUENCES:
            np.testing.assert_array_equal(images.arrays[sequence], phantom.sequences[sequence])
        if case.label is not None:
            np.testing.assert_array_equal(case.read_label(), phantom.labels)
    assert sum(case.label is not None for case in studies) == (2 if layout == "msd" else 3)


def _phantom(n: int) -> Phantom:
    from gliolabel.phantoms import make_phantom

    return make_phantom(shape=SHAPE, seed=(0, n))


@pytest.mark.parametrize("extension", [".nii.gz", ".nii", ".nrrd", ".mha"])
def test_every_format_is_read(tmp_path: Path, tiny: Phantom, extension: str) -> None:
    write_phantom_case(tiny, tmp_path / "a" / "deep" / "case", name="x", extension=extension)
    (case,) = open_studies(tmp_path)
    assert case.id == "x"
    images = case.read()
    assert set(images.arrays) == set(SEQUENCES)
    assert images.grid.same_as(tiny.grid, tolerance_mm=1e-4)
    np.testing.assert_array_equal(images.arrays["flair"], tiny.sequences["flair"])
    np.testing.assert_array_equal(case.read_label(), tiny.labels)


@pytest.mark.parametrize(
    ("names", "case_id"),
    [
        (("P1_T1.nii", "P1_T1CE.nii", "P1_T2.nii", "P1_FLAIR.nii"), "P1"),
        (("t1.nii", "t1ce.nii", "t2.nii", "flair.nii"), "folder"),
        (("sub-01_T1w.nii", "sub-01_T1c.nii", "sub-01_T2w.nii", "sub-01_FLAIR.nii"), "sub-01"),
        (("UPENN_1_T1.nii", "UPENN_1_T1GD.nii", "UPENN_1_T2.nii", "UPENN_1_T2_FLAIR.nii"), "UPENN_1"),
        (("a.b_t1.nii", "a.b_t1ce.nii", "a.b_t2.nii", "a.b_flair.nii"), "a.b"),
    ],
)
def test_ways_of_writing(tmp_path: Path, tiny: Phantom, names: tuple[str, ...], case_id: str) -> None:
    (tmp_path / "folder").mkdir()
    for name, sequence in zip(names, SEQUENCES, strict=True):
        write_volume(tiny.sequences[sequence], tiny.grid, tmp_path / "folder" / name)
    (case,) = open_studies(tmp_path)
    assert case.id == case_id
    assert [case.sequences[s].path.name for s in SEQUENCES] == list(names)


def test_folders_named_like_volumes(tmp_path: Path, tiny: Phantom) -> None:
    for sequence in SEQUENCES:
        folder = tmp_path / "B17_1" / f"B17_1_{sequence}.nii"
        folder.mkdir(parents=True)
        write_volume(tiny.sequences[sequence], tiny.grid, folder / f"B17_1_{sequence}.nii")
    (case,) = open_studies(tmp_path)
    assert not case.missing


def test_label_of_another_name_belongs_to_the_only_case_of_its_folder(tmp_path: Path, tiny: Phantom) -> None:
    write_phantom_case(tiny, tmp_path / "BraTS20_355", name="BraTS20_355")
    (tmp_path / "BraTS20_355" / "BraTS20_355_seg.nii.gz").rename(tmp_path / "BraTS20_355" / "W39_1998.09.19_Segm.nii.gz")
    (case,) = open_studies(tmp_path)
    assert case.id == "BraTS20_355"
    np.testing.assert_array_equal(case.read_label(), tiny.labels)


def test_label_without_case_is_a_problem(tmp_path: Path, tiny: Phantom) -> None:
    write_phantom_case(tiny, tmp_path, name="x")
    (tmp_path / "x_seg.nii.gz").rename(tmp_path / "y_seg.nii.gz")
    studies = open_studies(tmp_path)
    assert studies.get("x").label is None
    (problem,) = studies.problems
    assert "y_seg.nii.gz" in problem.message


class TestNumberingOfAFolder:
    """Decided by names, once, and refused where they do not tell."""

    def test_a_case_without_contrast_follows_its_folder(self, tmp_path: Path, tiny: Phantom) -> None:
        write_phantom_case(tiny, tmp_path / "a", name="a")
        write_phantom_case(tiny, tmp_path / "b", name="b", sequences=("flair",))
        np.testing.assert_array_equal(open_studies(tmp_path).get("b").read_label(), tiny.labels)

    def test_no_sign_is_refused_and_the_option_helps(self, tmp_path: Path, tiny: Phantom) -> None:
        write_phantom_case(tiny, tmp_path / "b", name="b", sequences=("flair",))
        studies = open_studies(tmp_path)
        assert "labels of 1 case(s) cannot be used" in studies.warnings[0]
        case = studies.get("b")
        with pytest.raises(InputError, match=r"case b, file b_seg\.nii\.gz.*--conf labels"):
            case.read_label()
        assert case.read().missing == ("t1", "t1ce", "t2")
        helped = open_studies(tmp_path, labels="brats2021")
        np.testing.assert_array_equal(helped.get("b").read_label(), tiny.labels)
        assert not helped.warnings

    def test_years_in_separate_folders_decide_for_themselves(self, tmp_path: Path, tiny: Phantom) -> None:
        write_phantom_case(tiny, tmp_path / "2021" / "a", name="a", style="2021")
        write_phantom_case(tiny, tmp_path / "2023" / "b", name="b", style="2023")
        studies = open_studies(tmp_path)
        for case in studies:
            np.testing.assert_array_equal(case.read_label(), tiny.labels)
        assert any("2 ways" in warning for warning in studies.warnings)

    def test_years_mixed_in_one_folder_are_refused(self, tmp_path: Path, tiny: Phantom) -> None:
        write_phantom_case(tiny, tmp_path, name="a", style="2021")
        write_phantom_case(tiny, tmp_path, name="b", style="2023")
        for case in open_studies(tmp_path):
            with pytest.raises(InputError, match="--conf labels"):
                case.read_label()

    def test_underscore_t1c_is_no_sign(self, tmp_path: Path, tiny: Phantom) -> None:
        write_phantom_case(tiny, tmp_path / "a", name="a")
        (tmp_path / "a" / "a_t1ce.nii.gz").rename(tmp_path / "a" / "a_T1c.nii.gz")
        with pytest.raises(InputError, match="--conf labels"):
            open_studies(tmp_path).get("a").read_label()

    def test_childrens_tumours_are_numbered_otherwise(self, tmp_path: Path, tiny: Phantom) -> None:
        write_phantom_case(tiny, tmp_path / "a", name="BraTS-PED-00001-000", style="2023")
        with pytest.raises(InputError, match="--conf labels"):
            open_studies(tmp_path).get("BraTS-PED-00001-000").read_label()

    def test_a_value_outside_is_refused(self, tmp_path: Path, tiny: Phantom) -> None:
        write_phantom_case(tiny, tmp_path / "a", name="a")
        write_volume(tiny.labels, tiny.grid, tmp_path / "a" / "a_seg.nii.gz")
        with pytest.raises(InputError, match=r"label value 3, expected 0, 1, 2, 4 .*--conf labels"):
            open_studies(tmp_path).get("a").read_label()

    def test_resection_cavity_is_background_with_a_warning(self, tmp_path: Path, tiny: Phantom) -> None:
        write_phantom_case(tiny, tmp_path / "a", name="a", style="2023")
        labels = tiny.labels.copy()
        labels[0, 0, :5] = 4
        write_volume(labels, tiny.grid, tmp_path / "a" / "a-seg.nii.gz")
        label = open_studies(tmp_path).get("a").read_label_image()
        assert label is not None
        np.testing.assert_array_equal(label.array, tiny.labels)
        assert label.warnings == ("case a, file a-seg.nii.gz: 5 voxels of value 4 (resection cavity) are read as background",)

    def test_phantoms_of_2024_have_a_cavity(self, tmp_path: Path) -> None:
        (name,) = write_phantom_folder(tmp_path, cases=1, shape=SHAPE, layout="2024")
        label = open_studies(tmp_path).get(name).read_label_image()
        assert label is not None
        assert "resection cavity" in label.warnings[0]
        expected = _phantom(0).labels
        cut = label.array != expected
        assert set(expected[cut]) == {1}
        assert set(label.array[cut]) == {0}

    def test_a_missing_class_is_normal(self, tmp_path: Path, tiny: Phantom) -> None:
        write_phantom_case(tiny, tmp_path / "a", name="a")
        for labels in (np.where(tiny.labels == 2, 2, 0), np.zeros_like(tiny.labels)):
            write_volume(labels.astype(np.uint8), tiny.grid, tmp_path / "a" / "a_seg.nii.gz")
            np.testing.assert_array_equal(open_studies(tmp_path).get("a").read_label(), labels)

    def test_our_own_record_decides(self, tmp_path: Path, tiny: Phantom) -> None:
        write_phantom_case(tiny, tmp_path / "a", name="a")
        write_volume(tiny.labels, tiny.grid, tmp_path / "a" / "a_seg.nii.gz")
        write_record(tmp_path, labels="gliolabel")
        np.testing.assert_array_equal(open_studies(tmp_path).get("a").read_label(), tiny.labels)

    def test_a_broken_record_is_said(self, tmp_path: Path, tiny: Phantom) -> None:
        write_phantom_case(tiny, tmp_path / "a", name="a")
        (tmp_path / "gliolabel.json").write_text("{")
        studies = open_studies(tmp_path)
        assert "gliolabel.json" in studies.warnings[0]
        assert len(studies) == 1

    def test_an_unknown_name_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"brats2019.*brats2021.*brats2023.*msd.*gliolabel"):
            open_studies(tmp_path, labels="brats2019")


def test_cases_can_be_sent_to_other_processes_and_hashed(tmp_path: Path, tiny: Phantom) -> None:
    write_phantom_case(tiny, tmp_path, name="x", extension=".nii")
    (case,) = open_studies(tmp_path)
    sent = pickle.loads(pickle.dumps(case))
    assert sent == case
    assert len({sent, case}) == 1
    np.testing.assert_array_equal(sent.read_label(), tiny.labels)


def test_arrays_may_be_written_into(tmp_path: Path, tiny: Phantom) -> None:
    for dtype in (np.int16, np.float32):
        write_volume(tiny.sequences["t1"].astype(dtype), tiny.grid, tmp_path / "x_t1.nii")
        (case,) = open_studies(tmp_path)
        case.read().arrays["t1"][0] = 1.0


def test_msd_without_its_description_is_said(tmp_path: Path) -> None:
    write_phantom_folder(tmp_path, cases=1, shape=SHAPE, layout="msd")
    (tmp_path / "dataset.json").unlink()
    assert any("MSD Task01 needs its dataset.json" in warning for warning in open_studies(tmp_path).warnings)


class TestMsd:
    """MSD Task01: 4-D files, described by dataset.json."""

    def test_a_3d_file_of_the_reference_is_cut_out(self, tmp_path: Path) -> None:
        write_phantom_folder(tmp_path / "data", cases=2, shape=SHAPE, layout="msd")
        case = open_studies(tmp_path / "data").get("BRATS_001")
        file = case.reference_file(tmp_path / "cache")
        assert file.name == "BRATS_001_t1ce.nii.gz"
        import SimpleITK as sitk

        image = sitk.ReadImage(str(file))
        assert image.GetDimension() == 3
        np.testing.assert_array_equal(sitk.GetArrayFromImage(image), _phantom(0).sequences["t1ce"])
        before = file.stat().st_mtime_ns
        assert case.reference_file(tmp_path / "cache").stat().st_mtime_ns == before

    def test_so_is_any_other_sequence(self, tmp_path: Path) -> None:
        write_phantom_folder(tmp_path / "data", cases=1, shape=SHAPE, layout="msd")
        case = open_studies(tmp_path / "data").get("BRATS_001")
        assert case.shown == ("t1ce", "flair", "t2", "t1")
        import SimpleITK as sitk

        for sequence in case.shown:
            image = sitk.ReadImage(str(case.sequence_file(sequence, tmp_path / "cache")))
            np.testing.assert_array_equal(sitk.GetArrayFromImage(image), _phantom(0).sequences[sequence])
        with pytest.raises(UnknownError, match="no sequence 'pd'"):
            case.sequence_file("pd", tmp_path / "cache")

    def test_labels_are_numbered_as_dataset_json_says(self, tmp_path: Path) -> None:
        write_phantom_folder(tmp_path, cases=1, shape=SHAPE, layout="msd")
        description = json.loads((tmp_path / "dataset.json").read_text())
        description["labels"] = {"background": 0, "necrosis": 1, "edema": 2, "enhancing tumor": 3}
        (tmp_path / "dataset.json").write_text(json.dumps(description))
        label = open_studies(tmp_path).get("BRATS_001").read_label()
        swapped = np.array([0, 2, 1, 3], np.uint8)[_phantom(0).labels]
        np.testing.assert_array_equal(label, swapped)

    @pytest.mark.parametrize("labels", [None, {"0": "background", "1": "liver"}, {"0": "edema"}, {}, {"0": "background"}])
    def test_labels_that_are_not_understood_are_refused(self, tmp_path: Path, labels: object) -> None:
        write_phantom_folder(tmp_path, cases=1, shape=SHAPE, layout="msd")
        description = json.loads((tmp_path / "dataset.json").read_text())
        description["labels"] = labels
        (tmp_path / "dataset.json").write_text(json.dumps(description))
        with pytest.raises(InputError, match=r"case BRATS_001, file BRATS_001\.nii\.gz.*--conf labels"):
            open_studies(tmp_path).get("BRATS_001").read_label()

    def test_another_organ_is_said(self, tmp_path: Path) -> None:
        write_phantom_folder(tmp_path, cases=1, shape=SHAPE, layout="msd")
        (tmp_path / "dataset.json").write_text('{"modality": {"0": "CT"}, "labels": {"0": "background", "1": "spleen"}}')
        studies = open_studies(tmp_path)
        assert len(studies) == 0
        assert any("CT" in warning and "FLAIR" in warning for warning in studies.warnings)

    def test_a_3d_file_among_them_is_an_error(self, tmp_path: Path, tiny: Phantom) -> None:
        write_phantom_folder(tmp_path, cases=2, shape=SHAPE, layout="msd")
        write_volume(tiny.labels, tiny.grid, tmp_path / "imagesTr" / "BRATS_001.nii.gz")
        studies = open_studies(tmp_path)
        with pytest.raises(InputError, match=r"case BRATS_001, file BRATS_001\.nii\.gz.*3-D.*4-D"):
            studies.get("BRATS_001").read()
        assert not studies.get("BRATS_002").read().missing
