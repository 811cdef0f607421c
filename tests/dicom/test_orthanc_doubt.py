"""One PACS with studies as they are: each gives its stated answer through the unmodified client."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
import SimpleITK as sitk
from monailabel.client.client import MONAILabelClientException
from tests.dicom.conftest import Volumes
from tests.dicom.made_up import HABITS, write_series, write_study
from tests.dicom.orthanc import Orthanc, require_orthanc
from tests.labelserver.conftest import Server, serving, small_weights, wait_until

from gliolabel.dicom import case_id_of
from gliolabel.studies import Grid

__all__ = ["small_weights"]  # a fixture of the label server's tests

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, small_weights: Path, volumes: Volumes) -> Iterator[tuple[Server, dict[str, str]]]:
    """A PACS with a whole study, one with two T1ce, one without FLAIR, one with a corrupt slice, and a CT; and a server on it."""
    require_orthanc()
    folder = tmp_path_factory.mktemp("doubt")
    studies = folder / "studies"
    ids = {"whole": write_study(studies / "1", volumes)}
    array, grid = volumes["t1ce"]
    ids["two"] = write_study(studies / "2", volumes, frame="1.2.3.4")
    write_series(studies / "2", array, grid, study=ids["two"], number=9, frame="1.2.3.4", tags=HABITS["siemens"]["t1ce"])
    ids["no flair"] = write_study(studies / "3", {name: volumes[name] for name in ("t1", "t1ce", "t2")})
    ids["corrupt"] = write_study(studies / "4", volumes)
    image = pydicom.dcmread(studies / "4" / "IM003_0004")
    image.PixelData = image.PixelData[:100]
    image.save_as(studies / "4" / "IM003_0004")
    ids["ct"] = "1.2.3.999"
    write_series(studies / "5", array, grid, study=ids["ct"], number=1, frame="1.2", tags={"Modality": "CT"})
    pacs = Orthanc(folder / "orthanc").start()
    try:
        pacs.send(sorted(path for path in studies.rglob("*") if path.is_file()))
        with serving(folder, small_weights) as start:
            running = start(pacs.url)
            wait_until(lambda: running.get("/info/").json()["datastore"]["total"] == 4)  # the CT is none
            yield running, {name: case_id_of(study) for name, study in ids.items()}
    finally:
        pacs.stop()


def mask_of(server: Server, case_id: str) -> tuple[Grid, list[str]]:
    path, params = server.client().infer("unet3d", case_id, {"result_extension": ".nrrd", "result_dtype": "uint8", "passes": 0})
    return Grid.of(sitk.ReadImage(path)), params["warnings"]


def refusal(server: Server, case_id: str) -> str:
    with pytest.raises(MONAILabelClientException) as error:
        mask_of(server, case_id)
    message = str(error.value.msg)
    assert "Status: 422" in message
    return message


def test_orthanc_each_doubtful_study_gives_its_stated_answer(server: tuple[Server, dict[str, str]], volumes: Volumes) -> None:
    running, ids = server
    grid, warnings = mask_of(running, ids["whole"])
    assert grid.same_as(volumes["t1ce"][1])
    assert not any(ids["whole"] in warning for warning in warnings)
    grid, warnings = mask_of(running, ids["two"])
    assert grid.same_as(volumes["flair"][1])
    assert any("2 candidates for t1ce: series 3, series 9; none is used" in warning for warning in warnings)
    _, warnings = mask_of(running, ids["no flair"])
    assert any("there is no flair" in warning for warning in warnings)
    assert "series 3 (t1ce), image 4: " in refusal(running, ids["corrupt"])
    assert "holds no MR images (CT)" in refusal(running, ids["ct"])


def test_orthanc_next_sample_offers_only_what_can_be_read(server: tuple[Server, dict[str, str]]) -> None:
    running, ids = server
    offered = {running.client(f"reader-{number}").next_sample("sequential", {})["id"] for number in range(3)}
    assert offered == {ids["whole"], ids["two"], ids["no flair"]}
    log = running.log.read_text()
    for secret in ("Mustermann", "4711", "Traceback", "1960"):
        assert secret not in log
