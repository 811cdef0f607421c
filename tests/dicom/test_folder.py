"""A folder of DICOM files is a study folder like any other."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import generate_uid
from tests.dicom.conftest import Volumes
from tests.dicom.made_up import HABITS, PATIENT, write_enhanced, write_series, write_study

from gliolabel.dicom import DicomFolder, DicomOptions, DicomStudies, case_id_of
from gliolabel.dicom.geometry import Slice, stack
from gliolabel.errors import InputError, UnknownError
from gliolabel.studies import Case, Grid, Studies, open_studies
from gliolabel.vocabulary import SEQUENCES


def opened(folder: Path) -> DicomStudies:
    store = open_studies(folder)
    assert isinstance(store, DicomFolder)
    return store


def only_case(folder: Path) -> Case:
    (case,) = opened(folder)
    return case


def same(case: Case, volumes: Volumes) -> None:
    images = case.read()
    for sequence, (array, grid) in volumes.items():
        assert np.array_equal(images.arrays[sequence], array), sequence
        np.testing.assert_allclose(images.grid.affine, grid.affine, atol=1e-9)


@pytest.mark.parametrize("maker", HABITS)
def test_voxels_and_affine_come_back_as_they_were(maker: str, volumes: Volumes, tmp_path: Path) -> None:
    study = write_study(tmp_path, volumes, maker=maker)
    case = only_case(tmp_path)
    assert case.id == case_id_of(study)
    assert case.missing == ()
    assert case.warnings == ()
    same(case, volumes)
    assert case.read().warnings == ()
    assert case.grid() == case.read().grid


def test_the_reference_is_one_file_that_any_itk_program_opens(volumes: Volumes, tmp_path: Path) -> None:
    write_study(tmp_path / "dicom", volumes)
    case = only_case(tmp_path / "dicom")
    file = case.reference_file(tmp_path / "cache")
    array, grid = volumes["t1ce"]
    assert np.array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(file))), array)
    assert Grid.of(sitk.ReadImage(str(file))).same_as(grid)


@pytest.mark.parametrize("slope", [1.0, 0.5])
def test_enhanced_multi_frame_is_read_in_its_own_order(volumes: Volumes, tmp_path: Path, slope: float) -> None:
    study, frame = generate_uid(), generate_uid()
    for number, (sequence, (array, grid)) in enumerate(volumes.items(), start=1):
        tags = {**HABITS["siemens"][sequence], "SeriesDescription": "anonymous"}
        write_enhanced(tmp_path / f"{number}.dcm", array, grid, study=study, number=number, frame=frame, tags=tags, slope=slope)
    same(only_case(tmp_path), {sequence: (array * slope, grid) for sequence, (array, grid) in volumes.items()})


def test_slices_in_any_order_and_rescaled_differently(volumes: Volumes, tmp_path: Path) -> None:
    array, grid = volumes["t2"]
    order = np.random.default_rng(1).permutation(grid.size[2]).tolist()
    write_series(tmp_path, array, grid, study="1.2.3", number=1, frame="1.2", tags=HABITS["ge"]["t2"], order=order)
    expected = array.astype(np.float32)
    for instance, z in enumerate(order, start=1):
        path = tmp_path / f"IM001_{instance:04d}"
        image = pydicom.dcmread(path)
        image.RescaleSlope, image.RescaleIntercept = 1 + z, -z
        image.save_as(path)
        expected[z] = expected[z] * (1 + z) - z
    assert np.array_equal(only_case(tmp_path).read().arrays["t2"], expected)


@pytest.mark.parametrize("compressor", ["JPEG2000", "JPEG"])
@pytest.mark.parametrize("lowest", [0, -300])
def test_compressed_images_are_read(compressor: str, lowest: int, tmp_path: Path) -> None:
    grid = Grid((24, 20, 12), (1.0, 1.0, 2.0), (0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0))
    array = np.random.default_rng(0).integers(lowest, 4000, grid.shape).astype(np.int16)
    array[:, 0, 0] = lowest
    write_series(tmp_path / "dicom", array, grid, study="1.2.3", number=1, frame="1.2", tags=HABITS["ge"]["t2"])
    for path in (tmp_path / "dicom").iterdir():
        _compress(path, compressor, scratch=tmp_path / "scratch.dcm")
    assert np.array_equal(only_case(tmp_path / "dicom").read().arrays["t2"], array)


def test_rle_is_read_and_video_is_refused(volumes: Volumes, tmp_path: Path) -> None:
    array, grid = volumes["t2"]
    write_series(tmp_path, array, grid, study="1.2.3", number=4, frame="1.2", tags=HABITS["ge"]["t2"])
    for path in tmp_path.iterdir():
        image = pydicom.dcmread(path)
        image.compress("1.2.840.10008.1.2.5")
        image.save_as(path)
    assert np.array_equal(only_case(tmp_path).read().arrays["t2"], array)
    image.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.100"
    image.save_as(path)
    with pytest.raises(InputError, match=r"series 4 \(t2\), image \d+: is stored as MPEG2"):
        only_case(tmp_path).read()


def test_an_image_cut_off_is_named_and_the_other_sequences_work(volumes: Volumes, tmp_path: Path) -> None:
    study = write_study(tmp_path, {sequence: volumes[sequence] for sequence in ("t2", "flair")})
    path = tmp_path / "IM002_0007"
    path.write_bytes(path.read_bytes()[:-400])
    case = only_case(tmp_path)
    with pytest.raises(InputError, match=rf"case {case_id_of(study)}, series 2 \(t2\), image 7: its pixel data cannot be read"):
        case.read()
    assert case.grid().same_as(volumes["flair"][1])


def test_a_missing_slice_is_refused_with_its_place(volumes: Volumes, tmp_path: Path) -> None:
    array, grid = volumes["t1"]
    write_study(tmp_path, {"t2": volumes["t2"]})
    study = pydicom.dcmread(tmp_path / "IM002_0001")
    uids = {"study": study.StudyInstanceUID, "frame": study.FrameOfReferenceUID}
    write_series(tmp_path, array, grid, number=9, tags=HABITS["siemens"]["t1"], leave_out=[5], **uids)
    case = only_case(tmp_path)
    assert set(case.sequences) == {"t2"}
    (warning,) = case.warnings
    assert "t1: series 9 cannot be used: slices are missing: between slice 5 and the next there are 6.60 mm, elsewhere 3.30 mm" in warning


def test_what_is_no_stack_is_refused(volumes: Volumes, tmp_path: Path) -> None:
    array, grid = volumes["t2"]
    shared = {"study": "1.2.3", "frame": "1.2", "tags": HABITS["ge"]["t2"]}
    write_series(tmp_path / "mixed", array, grid, number=1, **shared)
    turned = pydicom.dcmread(tmp_path / "mixed" / "IM001_0003")
    turned.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
    turned.save_as(tmp_path / "mixed" / "IM001_0003")
    assert "mixed orientations" in opened(tmp_path / "mixed").readings[0].refusal

    first = write_series(tmp_path / "time", array, grid, number=1, **shared)
    write_series(tmp_path / "time", array, grid, number=2, **shared)
    for path in (tmp_path / "time").glob("IM002*"):
        image = pydicom.dcmread(path)
        image.SeriesInstanceUID, image.SeriesNumber = first, 1
        image.save_as(path)
    assert "18 of its 36 slices lie where another does" in opened(tmp_path / "time").readings[0].refusal


def test_two_echoes_in_one_series_are_told_apart(volumes: Volumes, tmp_path: Path) -> None:
    array, grid = volumes["t2"]
    tags = dict(HABITS["philips"]["t2"])
    uid = write_series(tmp_path, array, grid, study="1.2.3", number=1, frame="1.2", tags=tags)
    write_series(tmp_path, array // 2, grid, study="1.2.3", number=2, frame="1.2", tags={**tags, "EchoTime": 20})
    for path in tmp_path.glob("IM002*"):
        image = pydicom.dcmread(path)
        image.SeriesInstanceUID, image.SeriesNumber = uid, 1
        image.save_as(path)
    store = opened(tmp_path)
    (reading,) = store.readings
    assert reading.chosen["t2"].series.name == "series 1, echo 80 ms"
    assert [(series.name, reason) for series, reason in reading.left_out] == [("series 1, echo 20 ms", "proton density")]
    assert np.array_equal(next(iter(store)).read().arrays["t2"], array)


def test_a_ct_study_gives_a_stated_answer(volumes: Volumes, tmp_path: Path) -> None:
    array, grid = volumes["t1"]
    write_series(tmp_path, array, grid, study="1.2.9", number=1, frame="1.2", tags={"Modality": "CT"})
    write_study(tmp_path / "mr", volumes)
    store = opened(tmp_path)
    assert len(store) == 1
    assert case_id_of("1.2.9") not in store
    with pytest.raises(InputError, match=r"holds no MR images \(CT\), expected t1, t1ce, t2 or flair"):
        store.get(case_id_of("1.2.9"))
    with pytest.raises(UnknownError):
        store.get("study-000000000000")
    assert "1 of 2 studies make no case; `gliolabel doctor` says why" in store.warnings


def test_new_and_changed_files_are_seen_at_the_next_look(volumes: Volumes, tmp_path: Path) -> None:
    write_study(tmp_path / "a", {"t2": volumes["t2"]})
    store = opened(tmp_path)
    case = next(iter(store))
    before = case.sequences["t2"].mark()
    assert case == next(iter(opened(tmp_path)))
    write_study(tmp_path / "b", volumes)
    image = pydicom.dcmread(tmp_path / "a" / "IM002_0001")
    image.PixelData = bytes(len(image.PixelData))
    image.save_as(tmp_path / "a" / "IM002_0001")
    store.refresh()
    assert len(store) == 2
    again = store.get(case.id)
    assert again.sequences["t2"].mark() != before
    assert not again.read().arrays["t2"][0].any()
    shutil.rmtree(tmp_path / "b")
    store.refresh()
    assert len(store) == 1


def test_a_file_twice_and_files_that_are_no_images_do_no_harm(volumes: Volumes, tmp_path: Path) -> None:
    write_study(tmp_path / "a", volumes)
    shutil.copytree(tmp_path / "a", tmp_path / "again")
    (tmp_path / "README.txt").write_text("not DICOM")
    (tmp_path / "broken").write_bytes(bytes(128) + b"DICM" + b"\x08\x00garbage")
    store = opened(tmp_path)
    same(next(iter(store)), volumes)
    assert [problem.path.name for problem in store.problems] == ["broken"]
    assert "broken" not in store.problems[0].message, "names of files may name the patient"


def test_nothing_that_is_logged_or_named_tells_who_it_is(volumes: Volumes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    private = tmp_path / PATIENT
    study = write_study(private, volumes, changes={"t2": {"SeriesDescription": f"T2 {PATIENT}"}})
    store = DicomFolder(private.parent, DicomOptions(cache=tmp_path / "cache"))
    (case,) = store
    case.read()
    texts = [case.id, store.describe(), *store.warnings, *case.warnings, *(file.name for file in (tmp_path / "cache").iterdir())]
    shown = capsys.readouterr()
    for secret in (PATIENT, "Mustermann", "4711", "1960", study):
        assert not any(secret in text for text in [*texts, shown.out, shown.err]), secret
    for file in (tmp_path / "cache").iterdir():
        assert b"Mustermann" not in file.read_bytes()


def test_a_folder_of_volumes_stays_one(phantom_folder: Path, volumes: Volumes, tmp_path: Path) -> None:
    assert type(open_studies(phantom_folder)) is Studies
    shutil.copytree(phantom_folder, tmp_path / "both")
    write_study(tmp_path / "both" / "dicom", volumes)
    assert type(open_studies(tmp_path / "both")) is Studies


@given(
    axis=st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda v: np.linalg.norm(v) > 0.1),
    angle=st.floats(0, 3.1),
    step=st.floats(0.5, 8),
    count=st.integers(2, 30),
    seed=st.integers(0, 1000),
)
def test_any_stack_is_put_on_its_grid(axis: tuple[float, ...], angle: float, step: float, count: int, seed: int) -> None:
    versor = sitk.VersorTransform(axis, angle)
    direction = np.asarray(versor.GetMatrix()).reshape(3, 3)
    rng = np.random.default_rng(seed)
    origin = rng.uniform(-200, 200, 3)
    places = rng.permutation(count)
    orientation = tuple(np.round([*direction[:, 0], *direction[:, 1]], 6))
    slices = [Slice(tuple(origin + direction[:, 2] * step * place), orientation, (0.7, 0.9), (40, 50)) for place in places]
    order, grid = stack(slices, where="series 1")
    assert [places[position] for position in order] == list(range(count))
    expected = Grid((50, 40, count), (0.9, 0.7, step), tuple(origin), tuple(direction.ravel()))
    assert grid.same_as(expected, tolerance_mm=1e-2)
    assert np.abs(np.asarray(grid.direction).reshape(3, 3).T @ np.asarray(grid.direction).reshape(3, 3) - np.eye(3)).max() < 1e-9


@pytest.mark.slow
def test_real_cases_come_back_as_they_were(brats_folder: Path, tmp_path: Path) -> None:
    for number, real in zip(range(2), open_studies(brats_folder), strict=False):
        images = real.read()
        volumes = {sequence: (images.arrays[sequence], images.grid) for sequence in SEQUENCES}
        write_study(tmp_path / str(number), volumes, maker=list(HABITS)[number])
    cases = {case.id: case for case in opened(tmp_path)}
    assert len(cases) == 2
    for number, real in zip(range(2), open_studies(brats_folder), strict=False):
        uid = str(pydicom.dcmread(next((tmp_path / str(number)).iterdir())).StudyInstanceUID)
        images = real.read()
        same(cases[case_id_of(uid)], {sequence: (images.arrays[sequence], images.grid) for sequence in SEQUENCES})


def _compress(path: Path, compressor: str, *, scratch: Path) -> None:
    """Store an image's pixels as GDCM compresses them."""
    image = pydicom.dcmread(path)
    writer = sitk.ImageFileWriter()
    writer.SetImageIO("GDCMImageIO")
    writer.SetUseCompression(True)
    writer.SetCompressor(compressor)
    writer.SetFileName(str(scratch))
    writer.Execute(sitk.GetImageFromArray(image.pixel_array[np.newaxis]))
    packed = pydicom.dcmread(scratch)
    assert packed.PixelRepresentation == image.PixelRepresentation
    image.file_meta.TransferSyntaxUID = packed.file_meta.TransferSyntaxUID
    image.PixelData = packed.PixelData
    image["PixelData"].VR = "OB"
    image["PixelData"].is_undefined_length = True
    image.save_as(path)


def of_patients(folder: Path, volumes: Volumes, *patients: str) -> list[str]:
    """A study of each of these patients. Returns the case ids."""
    ids = []
    for number, patient in enumerate(patients):
        issuer = {"IssuerOfPatientID": patient.partition("@")[2]} if "@" in patient else {}
        tags = {"PatientID": patient.partition("@")[0], **issuer}
        ids.append(case_id_of(write_study(folder / str(number), volumes, changes=dict.fromkeys(volumes, tags))))
    return ids


def test_studies_of_one_patient_are_told_by_the_number_and_its_issuer(volumes: Volumes, tmp_path: Path) -> None:
    ids = of_patients(tmp_path, volumes, "4711", "4711 ", "4712", "4711@elsewhere", "", "")
    found = opened(tmp_path)
    patients = [found.get(case_id).patient for case_id in ids]
    assert patients[0] == patients[1]
    assert len(set(patients[:4])) == 3
    assert all(len(patient) == 16 for patient in patients[:4])
    assert patients[4:] == ["", ""]


def test_a_number_that_an_archive_was_anonymised_with_is_no_patient(
    volumes: Volumes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gliolabel.dicom.store._MOST_STUDIES", 2)
    ids = of_patients(tmp_path, volumes, "ANON", "ANON", "ANON", "4711", "4711")
    found = opened(tmp_path)
    patients = [found.get(case_id).patient for case_id in ids]
    assert patients[:3] == ["", "", ""]
    assert patients[3] == patients[4] != ""
    assert any("3 studies have a PatientID that more than 2 share" in warning for warning in found.warnings)
