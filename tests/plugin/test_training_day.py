"""Retraining with the stock plugin: the options, Train, progress and accuracy while it runs, Stop, and what another reader's Stop gets."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from harness.remote import Desk, ErrorShown
from live.server import REPOSITORY, Server

sys.path.insert(0, str(REPOSITORY))

from tests.training.retraining.phantom_site import CRITERIA, early_version, write_phantoms

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

#: Long enough for an epoch to be seen before the end.
EPOCHS = 50


@pytest.fixture(scope="module")
def training_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("training-day")
    (folder / "criteria.yaml").write_text(CRITERIA)
    weights = early_version(folder / "early")
    studies = write_phantoms(folder / "studies", cases=10, seed=6)
    conf = {"weights": str(weights), "gate": str(folder / "criteria.yaml"), "device": "cpu"}
    running = Server(studies=studies, folder=folder / "server", conf=conf)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def desk(training_server: Server, open_desk: Callable[..., Desk]) -> Desk:
    return open_desk("ann", training_server.url)


@pytest.fixture(scope="module")
def connected(desk: Desk) -> dict[str, Any]:
    desk.press("fetchServerInfoButton")
    return {"trainers": desk.offers("trainerBox"), "options": desk.options("train", "unet3d")}


@pytest.fixture(scope="module")
def running(desk: Desk, connected: dict[str, Any], training_server: Server) -> dict[str, Any]:
    """Train, and what the bars show after an epoch."""
    desk.choose("trainerBox", "unet3d")
    desk.set_option("train", "unet3d", "epochs", str(EPOCHS))
    desk.set_option("train", "unet3d", "learning_rate", "0.01")
    desk.press("trainingButton")
    end = time.monotonic() + 600
    while "best_metric" not in (progress := training_server.get("/train/").json()["progress"]):
        assert time.monotonic() < end, training_server.get("/train/").json()
        time.sleep(0.5)
    assert desk.wait_for_timer()
    return {
        "progress": progress,
        "bar": desk.state("trainingProgressBar", "value"),
        "accuracy": desk.state("accuracyProgressBar", "value"),
        "train": desk.state("trainingButton", "enabled"),
        "stop": desk.state("stopTrainingButton", "enabled"),
    }


def test_both_trainers_and_their_options_are_offered(connected: dict[str, Any]) -> None:
    assert connected["trainers"] == ["unet3d", "resunet2d"]
    assert set(connected["options"]) == {"epochs", "learning_rate", "device", "promote"}
    assert connected["options"]["promote"] == ["automatically", "wait"]


def test_progress_and_accuracy_show_while_it_runs(running: dict[str, Any]) -> None:
    assert 1 <= running["bar"] < 100
    assert running["bar"] >= 100 / EPOCHS
    assert running["accuracy"] == pytest.approx(100 * running["progress"]["best_metric"], abs=15)
    assert running["accuracy"] > 0
    assert (running["train"], running["stop"]) == (False, True)


def test_stop_stops_it_and_the_panel_is_ready_again(desk: Desk, running: dict[str, Any], training_server: Server) -> None:
    boxes = desk.press("stopTrainingButton")
    assert [box.kind for box in boxes if box.kind == "error"] == []
    run = training_server.get("/train/").json()
    assert run["status"] == "STOPPED"
    assert run["details"]
    assert not desk.wait_for_timer()
    assert (desk.state("trainingButton", "enabled"), desk.state("stopTrainingButton", "enabled")) == (True, False)


def test_a_refusal_is_shown(desk: Desk, running: dict[str, Any]) -> None:
    desk.set_option("train", "unet3d", "epochs", "0")
    with pytest.raises(ErrorShown) as shown:
        desk.press("trainingButton")
    assert "epochs" in str(shown.value)
