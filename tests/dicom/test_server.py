"""The unmodified client on DICOM studies, through a real server process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import SimpleITK as sitk
from tests.dicom.conftest import Volumes
from tests.dicom.doubtful import check_answers, mask_of, write_doubtful
from tests.labelserver.conftest import Server, serving, small_weights

from gliolabel.studies import Grid

__all__ = ["small_weights"]  # a fixture of the label server's tests

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, small_weights: Path, volumes: Volumes) -> Iterator[tuple[Server, dict[str, str]]]:
    """A server on a folder of five studies; of the damaged one a file is cut off."""
    folder = tmp_path_factory.mktemp("server")
    ids = write_doubtful(folder / "dicom", volumes, damage=lambda path: path.write_bytes(path.read_bytes()[:-100]))
    with serving(folder, small_weights) as start:
        yield start(folder / "dicom"), ids


def test_a_click_returns_a_mask_on_the_references_grid(server: tuple[Server, dict[str, str]], volumes: Volumes) -> None:
    running, ids = server
    grid, warnings = mask_of(running, ids["whole"])
    assert grid.same_as(volumes["t1ce"][1])
    assert not any(ids["whole"] in warning for warning in warnings)
    image = running.downloads / "image.nrrd"
    image.write_bytes(running.get(f"/datastore/image?image={ids['whole']}").content)
    assert Grid.of(sitk.ReadImage(str(image))).same_as(grid)


def test_each_doubtful_study_gives_its_stated_answer(server: tuple[Server, dict[str, str]], volumes: Volumes) -> None:
    check_answers(*server, volumes)


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
