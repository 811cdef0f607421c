"""Retraining over the wire: a real server, its training process, and what becomes of both when they are stopped or killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import requests
from requests.adapters import HTTPAdapter
from tests.labelserver.conftest import PATIENCE_S, Server, serving, wait_until
from tests.training.retraining.phantom_site import CRITERIA, early_version, write_phantoms, wrong

from gliolabel.recipes import ModelVersion
from gliolabel.state.files import file_sha256
from gliolabel.studies import open_studies
from gliolabel.studies.writing import write_volume

pytestmark = pytest.mark.slow

#: Long enough that no test sees its end.
FOR_EVER = 1000
#: Sixteen cases: some for training, some locked.
CASES = 16
SEGMENTS = [{"name": "necrosis"}, {"name": "edema"}, {"name": "enhancing tumor"}]


@pytest.fixture(scope="session")
def early_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return early_version(tmp_path_factory.mktemp("early"))


@pytest.fixture(scope="session")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_phantoms(tmp_path_factory.mktemp("studies"), cases=CASES, seed=5)


@pytest.fixture
def start(tmp_path: Path, early_weights: Path, studies: Path) -> Any:
    """``start(conf)``: a server on the labelled phantoms; every call uses the same state folder."""
    (tmp_path / "criteria.yaml").write_text(CRITERIA)
    with serving(tmp_path, early_weights) as serve:
        yield lambda **conf: serve(studies, conf={"gate": str(tmp_path / "criteria.yaml"), **conf})


Start = Callable[..., Server]


def from_elsewhere(address: str = "127.0.0.2") -> requests.Session:
    """A client on another machine, as far as the server can tell."""

    class Elsewhere(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **options: Any) -> None:
            super().init_poolmanager(*args, source_address=(address, 0), **options)

    session = requests.Session()
    session.mount("http://", Elsewhere())
    return session


def begin(server: Server, **options: Any) -> dict[str, Any]:
    options = {"client_id": "ann", "learning_rate": 0.01, "epochs": 1, **options}
    answer = server.post("/train/unet3d", json=options)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def stepping(server: Server) -> dict[str, Any]:
    """The state of a training that has made some steps."""

    def look() -> dict[str, Any] | None:
        run: dict[str, Any] = server.get("/train/").json()
        assert run["status"] in ("SUBMITTED", "RUNNING"), run
        return run if run["progress"].get("epoch", 0) > 0 else None

    found: dict[str, Any] = wait_until(look)
    return found


def ended(server: Server, *, seconds: float = PATIENCE_S) -> dict[str, Any]:
    def look() -> Any:
        return (run := server.get("/train/").json())["status"] not in ("SUBMITTED", "RUNNING") and run

    found: dict[str, Any] = wait_until(look, seconds=seconds)
    return found


def trainer_of(server: Server) -> psutil.Process:
    """The training process of a server."""
    children = psutil.Process(server.process.pid).children(recursive=True)
    (found,) = [child for child in children if "gliolabel.training.retraining" in child.cmdline()]
    return found


def gone(process: psutil.Process, *, seconds: float = 10) -> bool:
    return not psutil.wait_procs([process], timeout=seconds)[1]


def served(server: Server) -> str:
    """The version that the next click uses."""
    _, params = server.client().infer("unet3d", "P5_000", {"passes": 0})
    return str(params["model_version"])


def submit(server: Server, case_id: str, array: np.ndarray, folder: Path) -> dict[str, Any]:
    path = folder / f"{case_id}.nrrd"
    write_volume(array, open_studies(server.studies).get(case_id).grid(), path)
    result: dict[str, Any] = server.client().save_label(case_id, str(path), params={"label_info": SEGMENTS})
    return result


def test_options_are_in_the_plugins_table_and_checked(start: Start) -> None:
    server = start(labels_in_folder="ignore")
    config = server.client().info()["trainers"]["unet3d"]["config"]
    assert set(config) == {"epochs", "learning_rate", "device", "promote"}
    assert config["promote"] == ["automatically", "wait"]
    for name, value, expected in [
        ("epochs", 0, "greater than or equal to 1"),
        ("epochs", "many", "valid integer"),
        ("learning_rate", 2, "less than or equal to 0.1"),
        ("learning_rate", -1, "greater than 0"),
        ("device", "cuda:99", "cuda:99"),
        ("promote", "perhaps", "'automatically' or 'wait'"),
    ]:
        answer = server.post("/train/unet3d", json={name: value})
        assert answer.status_code == 422, answer.text
        assert name in answer.json()["detail"]
        assert str(value) in answer.json()["detail"]
        assert expected in answer.json()["detail"]
    # In order, but there is nothing to learn from.
    answer = server.post("/train/unet3d", json={"epochs": "", "device": config["device"][0], "promote": "wait"})
    assert (answer.status_code, "There is no accepted label" in answer.text) == (422, True)
    assert server.get("/train/").status_code == 404
    assert server.post("/train/resunet2d", json={}).status_code == 503, "it has no weights here"
    assert server.post("/train/other", json={}).status_code == 404


def test_one_at_a_time_and_only_its_owner_stops_it(start: Start) -> None:
    server = start()
    assert begin(server, epochs=FOR_EVER)["owner"] == "ann"
    stepping(server)
    second = server.post("/train/unet3d", json={"client_id": "ben"})
    assert second.status_code == 429
    assert "ann" in second.json()["detail"]
    info = server.client().info()
    name, stats = next(iter(info["train_stats"].items()))
    assert name == "unet3d"
    assert 0 < stats["epoch"] < stats["total_epochs"] == FOR_EVER
    assert server.get("/train/", params={"check_if_running": "true"}).status_code == 200
    # Another's Auto-Update.
    refused = from_elsewhere().delete(f"{server.url}/train/", timeout=PATIENCE_S)
    assert refused.status_code == 409
    assert "ann" in refused.json()["detail"]
    assert f"of {FOR_EVER}" in refused.json()["detail"]
    assert from_elsewhere().delete(f"{server.url}/train/?client_id=ann", timeout=PATIENCE_S).status_code == 409
    assert server.delete("/train/?client_id=ben").status_code == 409
    assert server.get("/train/").json()["status"] == "RUNNING"
    process = trainer_of(server)
    # The plugin's Stop: no client id.
    stopped = server.client("ann").train_stop()
    assert (stopped["status"], bool(stopped["details"])) == ("STOPPED", True)
    assert gone(process)
    assert server.get("/train/", params={"check_if_running": "true"}).status_code == 404
    assert server.client().train_stop() is None
    assert served(server) == "early-1"
    # What was stopped is not continued by the next server.
    server.stop()
    again = start()
    assert again.get("/train/").status_code == 404


def test_good_labels_are_promoted_and_the_next_click_uses_the_new_version(start: Start, early_weights: Path) -> None:
    server = start()
    assert served(server) == "early-1"
    begin(server)
    run = ended(server)
    assert run["status"] == "DONE", run
    assert (run["result"]["decision"], run["result"]["promoted"]) == ("promote", True), run["result"]
    assert served(server) == "site-1"
    info = server.client().info()
    assert "unet3d site-1 is served from now on" in info["description"]
    assert 0 < info["train_stats"]["unet3d"]["best_metric"] <= 1
    # Auto-Update trains after every submit: without anything new there is nothing to do.
    again = server.post("/train/unet3d", json={"client_id": "ann"})
    assert (again.status_code, "Nothing is new" in again.text) == (422, True), again.text


def test_wrong_labels_are_refused_and_what_is_served_has_not_changed(start: Start, early_weights: Path, tmp_path: Path) -> None:
    server = start(labels_in_folder="ignore")
    cases = open_studies(server.studies)
    labels = {case.id: case.read_label() for case in cases}
    for case_id, label in labels.items():
        assert label is not None
        submit(server, case_id, label, tmp_path)
    answer = server.get("/datastore/?output=all").json()
    roles = {case_id: entry["image"]["info"]["role"] for case_id, entry in answer["objects"].items()}
    training = [case_id for case_id, role in roles.items() if role == "train"]
    assert set(roles.values()) == {"train", "validation", "locked"}
    for case_id in training:
        label = labels[case_id]
        assert label is not None
        submit(server, case_id, wrong(label), tmp_path)
    before = file_sha256(ModelVersion.load(early_weights / "unet3d.safetensors").path)
    begin(server)
    run = ended(server)
    assert run["status"] == "DONE", run
    assert (run["result"]["decision"], run["result"]["promoted"]) == ("refuse", False), run["result"]
    assert "Refused: " in run["result"]["sentence"]
    assert "Refused: " in server.client().info()["description"]
    assert served(server) == "early-1"
    assert file_sha256(early_weights / "unet3d.safetensors") == before


def test_a_killed_server_takes_its_training_along_and_the_next_goes_on(start: Start) -> None:
    server = start()
    begin(server, epochs=2)
    wait_until(lambda: server.get("/train/").json()["progress"].get("epoch", 0) >= 0.3)
    process = trainer_of(server)
    server.process.kill()
    server.process.wait(20)
    assert gone(process), "a training goes on without a server"
    again = start()
    run = again.get("/train/").json()
    assert run["owner"] == "ann"
    assert any("continued" in line for line in run["details"])
    done = ended(again)
    assert (done["status"], done["result"]["version"]) == ("DONE", "site-1"), done
    assert any("continued after step" in line for line in done["details"])
    assert served(again) in ("early-1", "site-1")


def test_a_killed_training_is_told_and_continued(start: Start) -> None:
    server = start()
    begin(server)
    wait_until(lambda: server.get("/train/").json()["progress"].get("epoch", 0) >= 0.3)
    trainer_of(server).kill()
    run = ended(server)
    assert run["status"] == "ERROR"
    assert any("was killed by SIGKILL" in line and "Train again" in line for line in run["details"]), run["details"]
    assert served(server) == "early-1"
    begin(server)
    done = ended(server)
    assert done["status"] == "DONE", done
    assert any("continued after step" in line for line in done["details"])


def test_sigterm_leaves_no_process_behind(start: Start) -> None:
    server = start()
    begin(server, epochs=FOR_EVER)
    stepping(server)
    everything = [psutil.Process(server.process.pid), *psutil.Process(server.process.pid).children(recursive=True)]
    assert server.stop() in (0, -signal.SIGTERM)
    assert not psutil.wait_procs(everything, timeout=10)[1]


def test_it_begins_by_itself_and_only_an_administrator_stops_that(start: Start, tmp_path: Path) -> None:
    server = start(retrain_after="2")
    told = server.client().info()["retraining"]
    assert told == {"model": "unet3d", "retrain_after": 2, "retrain_at": None, "newly_accepted": 0}
    submit(server, "P5_000", open_studies(server.studies).get("P5_000").read_label(), tmp_path)  # type: ignore[arg-type]
    assert server.client().info()["retraining"]["newly_accepted"] == 1
    server.stop()
    server = start(retrain_after="2")
    assert "after 2 newly accepted labels (1 so far)" in server.client().info()["description"]
    submit(server, "P5_001", open_studies(server.studies).get("P5_001").read_label(), tmp_path)  # type: ignore[arg-type]
    run = wait_until(lambda: (answer := server.get("/train/")).ok and answer.json())
    assert run["owner"] == "gliolabel (retrain_after 2)"
    assert server.client().info()["retraining"]["newly_accepted"] == 0
    assert server.delete("/train/").status_code == 409
    assert from_elsewhere("127.0.0.3").delete(f"{server.url}/train/?as_administrator=true", timeout=PATIENCE_S).status_code in (200, 409)
    wait_until(lambda: server.delete("/train/?as_administrator=true").status_code == 200)
    assert server.get("/train/").json()["status"] in ("STOPPED", "DONE")


def test_a_state_folder_that_cannot_be_written_is_told(start: Start) -> None:
    server = start()
    (server.state / "trainings").write_text("a file where a folder is needed")
    answer = server.post("/train/unet3d", json={})
    assert answer.status_code == 503
    assert "cannot be written" in answer.json()["detail"]
    assert served(server) == "early-1"
    os.unlink(server.state / "trainings")
    begin(server, epochs=FOR_EVER)
    stepping(server)
    assert server.client("ann").train_stop()["status"] == "STOPPED"
