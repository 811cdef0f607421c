"""A training with the module: Train, how far it is, the gate's verdict in words, and which version made the mask."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from harness.remote import Desk
from tests.labelserver.conftest import Server, serving
from tests.training.retraining.phantom_site import CRITERIA, early_version, write_phantoms

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def training_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Labelled phantoms, and a version that learned a little of others."""
    folder = tmp_path_factory.mktemp("module-training")
    (folder / "criteria.yaml").write_text(CRITERIA)
    weights = early_version(folder / "early")
    with serving(folder, weights) as start:
        yield start(write_phantoms(folder / "studies", cases=10, seed=6), conf={"gate": str(folder / "criteria.yaml")})


@pytest.fixture(scope="module")
def desk(training_server: Server, open_desk: Callable[..., Desk]) -> Desk:
    ann = open_desk("ann", training_server.url)
    ann.enter()
    ann.wait()
    return ann


def test_a_refusal_is_told_and_nothing_runs(desk: Desk, training_server: Server) -> None:
    desk.choose("trainerComboBox", "resunet2d")
    desk.press("trainButton")
    state, text = desk.wait()["training"]
    assert state == "error"
    assert "resunet2d" in text
    assert training_server.get("/train/").status_code == 404


def test_stop_ends_ones_own_training(desk: Desk, training_server: Server) -> None:
    desk.choose("trainerComboBox", "unet3d")
    desk.move("epochsSpinBox", 500)
    desk.press("trainButton")
    desk.wait_for("training", "epoch", seconds=600)
    desk.press("stopTrainingButton")
    text = desk.wait_until_trained(seconds=120)
    assert training_server.get("/train/").json()["status"] == "STOPPED"
    assert text == "unet3d: stopped; nothing was changed."


def test_progress_verdict_and_version_are_told(desk: Desk, training_server: Server) -> None:
    desk.choose("strategyComboBox", "review")
    desk.press("nextCaseButton")
    desk.wait()
    desk.choose("passesComboBox", "0")
    desk.press("segmentButton")
    desk.wait()
    assert desk.state("versionLabel", "text") == "This mask: unet3d early-1"
    desk.move("epochsSpinBox", 12)
    desk.press("trainButton")
    seen = desk.wait_for("training", "epoch", seconds=600)
    assert desk.stages()["training"][0] == "busy"
    assert seen.startswith("unet3d: epoch")
    assert desk.state("trainingProgressBar", "hidden") is False
    assert desk.state("stopTrainingButton", "enabled") is True
    text = desk.wait_until_trained(seconds=900)
    result = training_server.get("/train/").json()["result"]
    assert result["sentence"] in text, "the gate's verdict, in the server's words"
    assert desk.stages()["training"][0] == "ready"
    assert desk.state("stopTrainingButton", "enabled") is False
    assert ("Segment again asks the new version" in text) is result["promoted"]


def test_what_was_trained_is_known_to_a_desk_that_comes_later(
    desk: Desk, training_server: Server, open_desk: Callable[..., Desk], tmp_path: Path
) -> None:
    later = open_desk("ben", training_server.url)
    later.enter()
    stages = later.wait()
    assert stages["training"][1] == desk.stages()["training"][1].replace(
        " This mask is of unet3d early-1; Segment again asks the new version.", ""
    )
    assert stages["training"][0] == "ready"
