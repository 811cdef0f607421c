"""Results as DICOM objects: what they hold is what was put in, they lie in the study, and the same result is the same object."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pydicom_seg
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset
from tests.dicom.conftest import Volumes
from tests.dicom.made_up import PATIENT, write_series, write_study
from tests.dicom.written import MODEL, Written, classic, enhanced, map_of, mask_of, result_of, uncertainty_like

from gliolabel.dicom import case_id_of
from gliolabel.dicom.results.building import ResultObject, build
from gliolabel.dicom.results.result import Made
from gliolabel.dicom.results.sources import source_series, sources_of
from gliolabel.errors import InputError
from gliolabel.phantoms import make_phantom
from gliolabel.studies import Grid, open_studies


@pytest.fixture(scope="module")
def mask() -> np.ndarray:
    return make_phantom(shape=(18, 30, 24), seed=3).labels.astype(np.uint8)


@pytest.fixture(scope="module", params=[classic, enhanced])
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, volumes: Volumes) -> Written:
    return request.param(tmp_path_factory.mktemp("study"), volumes)


@pytest.fixture(scope="module")
def stored(written: Written, mask: np.ndarray) -> dict[str, Dataset]:
    """The objects, as they come back from a file."""
    grid = written.sources["t1ce"].grid
    return {
        one.kind: pydicom.dcmread(BytesIO(encoded(one))) for one in build(result_of(mask, grid, case_id=written.case_id), written.sources)
    }


def encoded(one: ResultObject) -> bytes:
    with BytesIO() as stream:
        pydicom.dcmwrite(stream, one.dataset, write_like_original=False)
        return stream.getvalue()


def test_the_segmentation_is_the_mask(written: Written, stored: dict[str, Dataset], mask: np.ndarray) -> None:
    assert set(np.unique(mask)) == {0, 1, 2, 3}
    assert np.array_equal(mask_of(stored["segmentation"], written.sources["t1ce"]), mask)


def test_another_reader_finds_each_segment_in_its_place(written: Written, stored: dict[str, Dataset], mask: np.ndarray) -> None:
    read = pydicom_seg.SegmentReader().read(stored["segmentation"])
    grid = written.sources["t1ce"].grid
    frame = sitk.Image(grid.size, sitk.sitkUInt8)
    frame.SetSpacing(grid.spacing), frame.SetOrigin(grid.origin), frame.SetDirection(grid.direction)
    for value in (1, 2, 3):
        # It cuts off what is empty around; each voxel is looked up by where it lies.
        placed = sitk.Resample(read.segment_image(value), frame, sitk.Transform(), sitk.sitkNearestNeighbor)
        assert np.array_equal(sitk.GetArrayFromImage(placed) == 1, mask == value), value
        assert read.segment_infos[value].SegmentLabel == {1: "necrosis", 2: "edema", 3: "enhancing tumor"}[value]


def test_the_map_is_the_map(written: Written, stored: dict[str, Dataset], mask: np.ndarray) -> None:
    made = stored["uncertainty"]
    assert np.array_equal(map_of(made, written.sources["t1ce"].grid), uncertainty_like(mask))
    meaning = made.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence[0]
    assert (meaning.RealWorldValueSlope, meaning.RealWorldValueIntercept) == (1.0, 0.0)
    assert made.ContentQualification == "RESEARCH"


def test_segments_say_what_they_are_and_who_made_them(stored: dict[str, Dataset]) -> None:
    found = {}
    for segment in stored["segmentation"].SegmentSequence:
        kind, algorithm = segment.SegmentedPropertyTypeCodeSequence[0], segment.SegmentationAlgorithmIdentificationSequence[0]
        found[segment.SegmentNumber] = (segment.SegmentLabel, kind.CodeValue, kind.CodingSchemeDesignator)
        assert segment.SegmentAlgorithmType == "SEMIAUTOMATIC"
        assert (algorithm.AlgorithmName, algorithm.AlgorithmVersion) == (MODEL.name, MODEL.version)
        assert segment.AnatomicRegionSequence[0].CodeValue == "12738006"
    assert found == {
        1: ("necrosis", "6574001", "SCT"),
        2: ("edema", "79654002", "SCT"),
        3: ("enhancing tumor", "C113842", "NCIt"),
    }


def test_the_report_has_volumes_with_intervals_under_the_segments_tracking_ids(
    written: Written, stored: dict[str, Dataset], mask: np.ndarray
) -> None:
    content = hd.sr.ComprehensiveSR.from_dataset(stored["report"]).content
    groups = [*content.get_volumetric_roi_measurement_groups(), *content.get_image_measurement_groups()]
    volumes = {}
    for group in groups:
        volumes[group.tracking_identifier] = [measurement.value for measurement in group.get_measurements()]
    voxel = written.sources["t1ce"].grid.voxel_ml
    count = {value: round(float((mask == value).sum()) * voxel, 3) for value in (1, 2, 3)}
    assert volumes["GlioLabel necrosis"] == [count[1]]
    assert volumes["GlioLabel edema"] == [count[2]]
    assert volumes["GlioLabel enhancing tumor"] == [count[3], 0.0625, 0.125]
    assert volumes["GlioLabel whole tumor"] == [pytest.approx(sum(count.values()), abs=2e-3), 0.25, 0.5]
    assert volumes["GlioLabel tumor core"] == [pytest.approx(count[1] + count[3], abs=2e-3)], "its passes gave no interval"
    segments = {one.TrackingID: (one.TrackingUID, one.SegmentNumber) for one in stored["segmentation"].SegmentSequence}
    for group in content.get_volumetric_roi_measurement_groups():
        assert segments[group.tracking_identifier] == (group.tracking_uid, group.referenced_segment.referenced_segment_numbers[0])
        assert group.referenced_segment.referenced_sop_instance_uid == stored["segmentation"].SOPInstanceUID
    percentile = content.get_image_measurement_groups()[0].get_measurements()[1]
    assert percentile.derivation.value == "371888009"
    assert percentile.unit.value == "mL"


def test_objects_lie_in_the_study_and_refer_to_all_series(written: Written, stored: dict[str, Dataset]) -> None:
    used = {series.uid: {str(image.SOPInstanceUID) for image in series.images} for series in written.sources.values()}
    assert len(used) == 4
    for kind, made in stored.items():
        assert made.StudyInstanceUID == written.study
        assert (str(made.PatientName), made.PatientID, made.AccessionNumber) == (PATIENT, "MRN-4711", "ACC-4711")
        assert "research use only" in made.SeriesDescription
        assert made.SoftwareVersions
        if kind != "report":
            found = {
                str(series.SeriesInstanceUID): {str(one.ReferencedSOPInstanceUID) for one in series.ReferencedInstanceSequence}
                for series in made.ReferencedSeriesSequence
            }
            assert found == used
            assert made.FrameOfReferenceUID == written.sources["t1ce"].first.FrameOfReferenceUID
    evidence = [
        *stored["report"].CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence,
        *stored["report"].PertinentOtherEvidenceSequence[0].ReferencedSeriesSequence,
    ]
    own = {str(stored[kind].SeriesInstanceUID) for kind in ("segmentation", "uncertainty")}
    assert {str(series.SeriesInstanceUID) for series in evidence} == used.keys() | own


def test_the_same_result_is_the_same_object_and_another_is_another(written: Written, mask: np.ndarray) -> None:
    grid = written.sources["t1ce"].grid
    result = result_of(mask, grid, case_id=written.case_id)
    first, second = build(result, written.sources), build(result, written.sources)
    assert [encoded(one) for one in first] == [encoded(one) for one in second]
    other = build(result_of(mask, grid, case_id=written.case_id, number=2), written.sources)
    assert {one.kind for one in first if one.uid in {two.uid for two in other}} == {"uncertainty"}, "the map is that of the same run"
    assert len({str(one.dataset.SeriesInstanceUID) for one in first}) == 3
    trackings = [[segment.TrackingUID for segment in one[0].dataset.SegmentSequence] for one in (first, other)]
    assert trackings[0] == trackings[1], "a finding keeps its identity from one version to the next"


@pytest.mark.parametrize("made", list(Made))
def test_how_a_mask_was_made_is_told(written: Written, mask: np.ndarray, made: Made) -> None:
    result = result_of(mask, written.sources["t1ce"].grid, case_id=written.case_id, made=made, map_too=False)
    objects = build(result, written.sources)
    assert [one.kind for one in objects] == ["segmentation", "report"]
    for segment in objects[0].dataset.SegmentSequence:
        assert segment.SegmentAlgorithmType == made.value
        assert ("SegmentationAlgorithmIdentificationSequence" in segment) == (made is not Made.MANUAL)


@pytest.mark.parametrize("painted", [{}, {3: 7}])
def test_a_mask_without_a_tissue_comes_back_too(written: Written, mask: np.ndarray, painted: dict[int, int]) -> None:
    some = np.zeros_like(mask)
    for value, slices in painted.items():
        some[slices, 4:9, 5:7] = value
    (made, _) = build(result_of(some, written.sources["t1ce"].grid, case_id="c", map_too=False), written.sources)
    read = pydicom.dcmread(BytesIO(encoded(made)))
    assert len(read.SegmentSequence) == 3, "the number of a segment is its value in every result"
    assert np.array_equal(mask_of(read, written.sources["t1ce"]), some)


def test_a_mask_that_does_not_lie_on_the_images_is_refused(written: Written, mask: np.ndarray) -> None:
    grid = written.sources["t1ce"].grid
    moved = Grid(grid.size, grid.spacing, (0.0, 0.0, 0.0), grid.direction)
    for other, where in ((mask, moved), (mask[1:], Grid((24, 30, 17), grid.spacing, grid.origin, grid.direction))):
        with pytest.raises(InputError, match="Were images added or replaced"):
            build(result_of(other, where, case_id="c"), written.sources)


def test_slices_in_any_order_and_series_of_other_grids(tmp_path: Path, volumes: Volumes, mask: np.ndarray) -> None:
    """The reference's slices are numbered backwards, and the other sequences lie on another grid."""
    small = Grid((12, 15, 18), (1.8, 1.6, 3.3), volumes["t2"][1].origin, volumes["t2"][1].direction)
    others = {name: (volumes[name][0][:, ::2, ::2], small) for name in ("t1", "t2", "flair")}
    study = write_study(tmp_path, others, frame="1.2.9")
    from tests.dicom.made_up import HABITS

    array, grid = volumes["t1ce"]
    write_series(tmp_path, array, grid, study=study, number=9, frame="1.2.9", tags=HABITS["ge"]["t1ce"], order=list(range(17, -1, -1)))
    sources = sources_of(open_studies(tmp_path), case_id_of(study))
    made = build(result_of(mask, grid, case_id="c"), sources)
    assert np.array_equal(mask_of(made[0].dataset, sources["t1ce"]), mask)
    assert len(made[0].dataset.ReferencedSeriesSequence) == 4


def test_what_hospitals_write_about_patients_is_taken_over_or_left_out(tmp_path: Path, volumes: Volumes, mask: np.ndarray) -> None:
    odd = {
        "SpecificCharacterSet": "ISO_IR 100", "PatientName": "Müller^Jürgen", "PatientSex": "W", "PatientBirthDate": "UNKNOWN",
        "StudyTime": "25:61", "ReferringPhysicianName": None, "StudyDescription": "Schädel", "PatientWeight": "81.5",
    }  # fmt: skip
    study = write_study(tmp_path, {"t2": volumes["t2"]}, changes={"t2": odd})
    sources = sources_of(open_studies(tmp_path), case_id_of(study))
    for one in build(result_of(mask, volumes["t2"][1], case_id="c"), sources):
        read = pydicom.dcmread(BytesIO(encoded(one)))
        assert str(read.PatientName) == "Müller^Jürgen"
        assert read.StudyDescription == "Schädel"
        assert (read.PatientSex, read.PatientBirthDate, read.StudyTime) == ("", "", "")
        assert float(read.PatientWeight) == 81.5


def without(keyword: str) -> Callable[[list[Dataset]], list[Dataset]]:
    def change(headers: list[Dataset]) -> list[Dataset]:
        for header in headers:
            delattr(header, keyword)
        return headers

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without("FrameOfReferenceUID"), "have no FrameOfReferenceUID"),
        (without("ImagePositionPatient"), "does not say where it lies"),
        (lambda headers: [*headers[:4], *headers[5:]], "slices are missing"),
        (lambda headers: [], "has no images"),
    ],
)
def test_images_that_nothing_can_refer_to_are_refused(
    tmp_path: Path, volumes: Volumes, change: Callable[[list[Dataset]], list[Dataset]], words: str
) -> None:
    write_study(tmp_path, {"t2": volumes["t2"]})
    headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in sorted(tmp_path.glob("IM002*"))]
    with pytest.raises(InputError, match=f"series 2: .*{words}"):
        source_series(change(headers), where="series 2")


def test_studies_that_are_no_dicom_have_no_place_for_results(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no DICOM"):
        sources_of(open_studies(tmp_path), "case")
