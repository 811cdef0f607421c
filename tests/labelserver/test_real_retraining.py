"""The loop on real cases, through the unmodified client: right labels are promoted and can be taken back, wrong ones are refused."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.labelserver.conftest import Server, serving, wait_until
from tests.labelserver.test_server import array_of
from tests.labelserver.test_training_server import begin, ended, submit
from tests.training.retraining.phantom_site import wrong
from tests.training.retraining.test_real_cases import CRITERIA, early_and_others

from gliolabel.state.files import file_sha256
from gliolabel.studies import open_studies

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(1800)]

#: A training on real cases takes minutes.
TRAINING_S = 1500
#: A quarter of the twelve cases is locked.
FEW = CRITERIA.replace("least_patients: 6", "least_patients: 2").replace("least_patients_per_region: 3", "least_patients_per_region: 2")


@pytest.fixture(scope="module")
def early(brats_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Weights of a small network that learned a little from four cases, and a study folder of twelve others."""
    return early_and_others(brats_folder, tmp_path_factory.mktemp("early"))


@pytest.fixture
def start(early: tuple[Path, Path], tmp_path: Path) -> Any:
    """``start(conf)``: a server on the twelve cases."""
    weights, studies = early
    (tmp_path / "criteria.yaml").write_text(FEW)
    with serving(tmp_path, weights) as serve:
        yield lambda **conf: serve(studies, conf={"gate": str(tmp_path / "criteria.yaml"), **conf})


Start = Callable[..., Server]


def clicked(server: Server, case_id: str) -> tuple[str, np.ndarray]:
    """The version and the mask of a click."""
    file, params = server.client().infer("unet3d", case_id, {"passes": 0})
    return str(params["model_version"]), array_of(file)


def test_right_labels_are_promoted_and_a_rollback_brings_the_old_masks_back(start: Start) -> None:
    server = start()
    case_id = min(case.id for case in open_studies(server.studies))
    version, mask = clicked(server, case_id)
    assert version == "early-1"
    begin(server)
    run = ended(server, seconds=TRAINING_S)
    assert run["status"] == "DONE", run
    assert (run["result"]["decision"], run["result"]["promoted"]) == ("promote", True), run["result"]
    version, other = clicked(server, case_id)
    assert version == "site-1"
    assert (other != mask).any()
    back = [sys.executable, "-m", "gliolabel.cli", "--state", str(server.state), "models", "rollback", "unet3d", "--reason", "a test"]
    subprocess.run(back, check=True, capture_output=True)
    wait_until(lambda: clicked(server, case_id)[0] == "early-1", seconds=60)
    assert (clicked(server, case_id)[1] == mask).all()


def test_wrong_labels_are_refused_and_what_is_served_has_not_changed(start: Start, early: tuple[Path, Path], tmp_path: Path) -> None:
    weights = early[0] / "unet3d.safetensors"
    before = file_sha256(weights)
    server = start(labels_in_folder="ignore")
    cases = open_studies(server.studies)
    case_id = min(case.id for case in cases)
    mask = clicked(server, case_id)[1]
    for case in cases:
        label = case.read_label()
        assert label is not None
        submit(server, case.id, label, tmp_path)
    entries = server.get("/datastore/?output=all").json()["objects"]
    roles = {name: entry["image"]["info"]["role"] for name, entry in entries.items()}
    assert set(roles.values()) == {"train", "validation", "locked"}
    for name in (name for name, role in roles.items() if role == "train"):
        label = cases.get(name).read_label()
        assert label is not None
        submit(server, name, wrong(label), tmp_path)
    begin(server)
    run = ended(server, seconds=TRAINING_S)
    assert run["status"] == "DONE", run
    assert (run["result"]["decision"], run["result"]["promoted"]) == ("refuse", False), run["result"]
    assert "Refused: " in server.client().info()["description"]
    version, after = clicked(server, case_id)
    assert version == "early-1"
    assert (after == mask).all()
    assert file_sha256(weights) == before
