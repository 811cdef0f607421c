"""From a scanner to results in the PACS and back, with Orthanc: the chain of docs/how-to/dicom.md."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pydicom_seg
import pytest
import SimpleITK as sitk
from tests.dicom.chain import Chain, chain, check
from tests.dicom.conftest import Volumes
from tests.dicom.orthanc import Orthanc, faults, require_orthanc
from tests.dicom.written import classic, enhanced, keep
from tests.labelserver.conftest import serving, small_weights, wait_until

from gliolabel.dicom.results.delivery import Delivery
from gliolabel.dicom.results.destinations import FolderDestination, PacsDestination
from gliolabel.dicom.results.gathering import Gathering
from gliolabel.dicom.web import DicomWeb
from gliolabel.phantoms import make_phantom
from gliolabel.phantoms.writing import write_phantom_case
from gliolabel.registry import Registry
from gliolabel.state import Database, StateFolder
from gliolabel.studies import open_studies

__all__ = ["small_weights"]  # a fixture of the label server's tests

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def real(brats_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Chain, Path]]:
    """The chain on a real case with the weights of the package."""
    require_orthanc()
    folder = tmp_path_factory.mktemp("chain")
    with chain(next(iter(open_studies(brats_folder))), folder, passes=5) as found:
        yield found, folder


@pytest.mark.timeout(900)
def test_orthanc_a_real_case_goes_through_the_whole_chain(real: tuple[Chain, Path]) -> None:
    found, folder = real
    assert found.mask.any()
    check(found, folder)
    algorithm = found.objects["SEG"].SegmentSequence[0].SegmentationAlgorithmIdentificationSequence[0]
    assert (algorithm.AlgorithmName, algorithm.AlgorithmVersion) == ("GlioLabel unet3d", Registry().champion("unet3d").version)
    assert len(found.objects["SEG"].ReferencedSeriesSequence) == 4
    log = found.server.log.read_text()
    for secret in ("Mustermann", "4711", "1960", "Traceback", found.study):
        assert secret not in log, secret
    figures = found.server.get("/metrics").text
    assert 'gliolabel_results{state="sent"} 1.0' in figures
    assert 'gliolabel_results{state="failed"} 0.0' in figures


@pytest.mark.timeout(900)
def test_orthanc_other_readers_find_the_same(real: tuple[Chain, Path]) -> None:
    found, folder = real
    grid = found.reference.grid
    path = folder / "read.dcm"
    found.objects["SEG"].save_as(path, write_like_original=False)
    segments = pydicom_seg.SegmentReader().read(pydicom.dcmread(path))
    frame = sitk.Image(grid.size, sitk.sitkUInt8)
    frame.SetSpacing(grid.spacing), frame.SetOrigin(grid.origin), frame.SetDirection(grid.direction)
    for value in np.unique(found.mask[found.mask > 0]):
        placed = sitk.Resample(segments.segment_image(int(value)), frame, sitk.Transform(), sitk.sitkNearestNeighbor)
        assert np.array_equal(sitk.GetArrayFromImage(placed) == 1, found.mask == value), value
    # SimpleITK's own reader gives the frames, one after the other.
    frames = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    assert int((frames > 0).sum()) == int((found.mask > 0).sum())
    found.objects["SR"].save_as(folder / "report.dcm", write_like_original=False)
    report = hd.sr.srread(folder / "report.dcm")
    groups = {group.tracking_identifier: group for group in report.content.get_image_measurement_groups()}
    whole = [measurement.value for measurement in groups["GlioLabel whole tumor"].get_measurements()]
    assert whole[0] == pytest.approx((found.mask > 0).sum() * grid.voxel_ml, abs=2e-3)
    assert whole[1] <= whole[2], "the 90 % interval of the passes"


@pytest.mark.parametrize("write", [classic, enhanced])
def test_orthanc_objects_of_oblique_and_enhanced_studies_are_valid_and_safe_to_repeat(
    tmp_path: Path, volumes: Volumes, write: object
) -> None:
    require_orthanc()
    written = write(tmp_path / "study", volumes)  # type: ignore[operator]
    database = Database(StateFolder(tmp_path / "state").create())
    mask = make_phantom(shape=(18, 30, 24), seed=3).labels.astype(np.uint8)
    keep(database, written.case_id, mask, written.sources["t1ce"].grid)
    pacs = Orthanc(tmp_path / "orthanc").start()
    try:
        pacs.push(tmp_path / "study")
        before = len(pacs.instances(written.study))
        store = open_studies(pacs.url)
        delivery = Delivery(store, Gathering(database), PacsDestination(DicomWeb(pacs.url)))
        first = delivery.send(written.case_id)
        assert len(first.new) == 3
        assert len(pacs.instances(written.study)) == before + 3
        # From a folder of the same images come the same objects as from the PACS.
        files = Delivery(written.store, Gathering(database), FolderDestination(tmp_path / "out"))
        assert [one.uid for one in files.send(written.case_id).objects] == [one.uid for one in first.objects]
        assert delivery.send(written.case_id).new == []
        assert len(pacs.instances(written.study)) == before + 3
        for path in (tmp_path / "out").rglob("*.dcm"):
            assert faults(path) == [], path.name
    finally:
        pacs.stop()


@pytest.mark.timeout(600)
def test_orthanc_away_at_a_submission_gets_the_results_after_a_restart_of_the_server(
    tmp_path: Path, volumes: Volumes, small_weights: Path
) -> None:
    require_orthanc()
    written = classic(tmp_path / "study", volumes)
    pacs = Orthanc(tmp_path / "orthanc").start()
    try:
        pacs.push(tmp_path / "study")
        before = len(pacs.instances(written.study))
        with serving(tmp_path, small_weights) as start:
            server = start(pacs.url, conf={"send_results": "submit"})
            wait_until(lambda: server.get("/info/").json()["datastore"]["total"] == 1)
            client = server.client()
            path, params = client.infer("unet3d", written.case_id, {"result_extension": ".nrrd", "passes": 2})
            label = shutil.copy(path, tmp_path / "label.nrrd")
            pacs.stop()
            info = [{"name": name, "idx": value} for name, value in params["label_names"].items()]
            client.save_label(written.case_id, str(label), params={"label_info": info})  # it is stored and answered
            wait_until(lambda: server.get(f"/results/?image={written.case_id}").json()[0]["tries"] > 0)
            assert "1 results wait to be sent: The PACS at" in server.get("/info/").json()["description"]
            assert 'gliolabel_results{state="waiting"} 1.0' in server.get("/metrics").text
            server.stop()
            assert "is not sent yet" in server.log.read_text()
            pacs.start()
            again = start(pacs.url, conf={"send_results": "submit"})
            wait_until(lambda: again.get(f"/results/?image={written.case_id}").json()[0]["state"] == "sent")
            found = pacs.instances(written.study)
            assert sorted(modality for modality, _ in found if modality != "MR") == ["OT", "SEG", "SR"]
            assert len(found) == before + 3
            assert again.post("/results/?image=study-000000000000").status_code == 404
    finally:
        pacs.stop()


@pytest.mark.timeout(600)
def test_orthanc_gets_nothing_unless_somebody_asks(tmp_path: Path, volumes: Volumes, small_weights: Path) -> None:
    require_orthanc()
    written = classic(tmp_path / "study", volumes)
    pacs = Orthanc(tmp_path / "orthanc").start()
    try:
        pacs.push(tmp_path / "study")
        before = pacs.instances(written.study)
        with serving(tmp_path, small_weights) as start:
            server = start(pacs.url)
            wait_until(lambda: server.get("/info/").json()["datastore"]["total"] == 1)
            assert server.post(f"/results/?image={written.case_id}").status_code == 404, "there is no label yet"
            client = server.client()
            path, params = client.infer("unet3d", written.case_id, {"result_extension": ".nrrd", "passes": 0})
            info = [{"name": name, "idx": value} for name, value in params["label_names"].items()]
            client.save_label(written.case_id, path, params={"label_info": info})
            assert server.get(f"/results/?image={written.case_id}").json() == []
            assert pacs.instances(written.study) == before
            assert server.post(f"/results/?image={written.case_id}").json()["state"] == "waiting"
            wait_until(lambda: server.get(f"/results/?image={written.case_id}").json()[0]["state"] == "sent")
            assert len(pacs.instances(written.study)) == len(before) + 2, "without a map: the mask and the report"
            (tmp_path / "nifti").mkdir()
            write_phantom_case(make_phantom(shape=(18, 30, 24), seed=3), tmp_path / "nifti" / "Case", name="Case")
            plain = start(tmp_path / "nifti")
            answer = plain.post("/results/?image=Case")
            assert answer.status_code == 422
            assert "no DICOM" in answer.json()["detail"]
    finally:
        pacs.stop()
