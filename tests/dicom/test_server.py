"""The unmodified client on DICOM studies, through a real server process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import SimpleITK as sitk
from monailabel.client.client import MONAILabelClientException
from tests.dicom.conftest import Volumes
from tests.dicom.made_up import HABITS, write_series, write_study
from tests.labelserver.conftest import Server, serving, small_weights

from gliolabel.dicom import case_id_of
from gliolabel.studies import Grid

__all__ = ["small_weights"]  # a fixture of the label server's tests

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, small_weights: Path, volumes: Volumes) -> Iterator[tuple[Server, dict[str, str]]]:
    """A server on five studies: a whole one, one with two T1ce, one without FLAIR, one with an image cut off, and a CT."""
    folder = tmp_path_factory.mktemp("server")
    studies = folder / "dicom"
    ids = {"whole": write_study(studies / "1", volumes)}
    array, grid = volumes["t1ce"]
    frame = "1.2.3.4"
    ids["two"] = write_study(studies / "2", volumes, frame=frame)
    write_series(studies / "2", array, grid, study=ids["two"], number=9, frame=frame, tags=HABITS["siemens"]["t1ce"])
    ids["no flair"] = write_study(studies / "3", {name: volumes[name] for name in ("t1", "t1ce", "t2")})
    ids["cut off"] = write_study(studies / "4", volumes)
    path = studies / "4" / "IM003_0004"
    path.write_bytes(path.read_bytes()[:-100])
    ids["ct"] = "1.2.3.999"
    write_series(studies / "5", array, grid, study=ids["ct"], number=1, frame="1.2", tags={"Modality": "CT"})
    with serving(folder, small_weights) as start:
        yield start(studies), {name: case_id_of(study) for name, study in ids.items()}


def mask_of(server: Server, case_id: str) -> tuple[Grid, list[str]]:
    path, params = server.client().infer("unet3d", case_id, {"result_extension": ".nrrd", "result_dtype": "uint8", "passes": 0})
    return Grid.of(sitk.ReadImage(path)), params["warnings"]


def refusal(server: Server, case_id: str) -> str:
    with pytest.raises(MONAILabelClientException) as error:
        mask_of(server, case_id)
    message = str(error.value.msg)
    assert "Status: 422" in message
    return message


def test_a_click_returns_a_mask_on_the_references_grid(server: tuple[Server, dict[str, str]], volumes: Volumes) -> None:
    running, ids = server
    grid, warnings = mask_of(running, ids["whole"])
    assert grid.same_as(volumes["t1ce"][1])
    assert not any(ids["whole"] in warning for warning in warnings)
    image = running.downloads / "image.nrrd"
    image.write_bytes(running.get(f"/datastore/image?image={ids['whole']}").content)
    assert Grid.of(sitk.ReadImage(str(image))).same_as(grid)


def test_each_doubtful_study_gives_its_stated_answer(server: tuple[Server, dict[str, str]], volumes: Volumes) -> None:
    running, ids = server
    grid, warnings = mask_of(running, ids["two"])
    assert grid.same_as(volumes["flair"][1])
    assert any("2 candidates for t1ce: series 3, series 9; none is used" in warning for warning in warnings)
    _, warnings = mask_of(running, ids["no flair"])
    assert any("there is no flair" in warning for warning in warnings)
    assert "series 3 (t1ce), image 4: its pixel data cannot be read" in refusal(running, ids["cut off"])
    assert "holds no MR images (CT)" in refusal(running, ids["ct"])


def test_next_sample_a_submission_and_the_log_name_nobody(server: tuple[Server, dict[str, str]]) -> None:
    running, ids = server
    assert running.get("/info/").json()["datastore"]["total"] == 4  # the CT is none
    sample = running.client("cleo").next_sample("sequential", {})
    assert sample["id"] in ids.values()
    assert sample["name"] == f"{sample['id']}.nrrd"
    case_id = ids["whole"]
    label, _ = running.client().infer("unet3d", case_id, {"result_extension": ".nii.gz", "passes": 0})
    info = [{"name": name, "idx": idx} for idx, name in enumerate(("necrosis", "edema", "enhancing tumor"))]
    running.client().save_label(case_id, label, params={"label_info": info})
    assert case_id in running.get("/datastore/?output=all").text
    log = running.log.read_text()
    assert case_id in log
    for secret in ("Mustermann", "4711", "Traceback", "1960"):
        assert secret not in log
