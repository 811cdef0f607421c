"""Scoring in the background of a real server: complete, resumable, by version, and never in anybody's way."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.labelserver.conftest import Server, wait_until, write_small_studies

from gliolabel.recipes import ModelVersion, build_network, save_model_version
from gliolabel.state import Database, StateFolder
from gliolabel.state.scores import ScoreStore
from gliolabel.state.tables import AgreementRow, ScoreRow

Serve = Callable[..., Server]
SCORING = {"MONAI_LABEL_AUTO_UPDATE_SCORING": "true"}


def progress(server: Server) -> dict[str, Any]:
    told: dict[str, Any] = server.client().info()["scoring"]["disagreement"]["progress"]
    return told


def all_scored(server: Server) -> bool:
    told = progress(server)
    return bool(told["scored"] == told["to_do"] and told["compared"] == told["completed"])


def rows(server: Server, version: str = "untrained-1") -> tuple[dict[str, ScoreRow], dict[str, AgreementRow]]:
    database = Database(StateFolder(server.state))
    store = ScoreStore(database)
    found = store.scores(model="unet3d", version=version), store.agreements(model="unet3d", version=version)
    database.close()
    return found


@pytest.mark.slow
def test_every_case_is_scored_in_the_background_and_nothing_else_is_written(serve: Serve, tmp_path: Path) -> None:
    server = serve(write_small_studies(tmp_path / "studies", cases=4, labelled=1), env=SCORING)
    labels = server.get("/datastore/?output=all").json()["objects"]
    wait_until(lambda: all_scored(server))
    scores, agreements = rows(server)
    assert set(scores) == {"Case_001", "Case_002", "Case_003"}
    assert all((row.passes, row.seed, row.error) == (20, 0, None) for row in scores.values())
    assert set(agreements) == {"Case_000"}
    assert set(agreements["Case_000"].dice) == {"WT", "TC", "ET"}
    assert server.get("/datastore/?output=all").json()["objects"] == labels, "no label, no map, no note"
    assert list((server.state / "labels").iterdir()) == []
    # The order is that of the scores, and says so.
    disagreement = {case_id: max(1 - score["pairwise_dice"] for score in row.scores.values()) for case_id, row in scores.items()}
    sample = server.client().next_sample("most_uncertain", {})
    assert sample["id"] == max(disagreement, key=lambda case_id: disagreement[case_id])
    assert f"disagreement {disagreement[sample['id']]:.2f}, rank 1 of 3" in sample["reason"]
    assert "to do; random among these" in server.client("bob").next_sample("stratified_random", {})["reason"]
    assert "Dice" in server.client("eve").next_sample("review", {})["reason"]
    # The scores are those of the map that a reader would get.
    _, params = server.client().infer("unet3d", sample["id"], {"passes": 20})
    for region, score in params["uncertainty"].items():
        assert score["pairwise_dice"] == pytest.approx(scores[sample["id"]].scores[region]["pairwise_dice"], abs=1e-6)
    # Many Next Samples start nothing.
    run = server.get("/scoring/").json()["id"]
    for _ in range(5):
        server.client().next_sample("most_uncertain", {})
    assert server.get("/scoring/").json()["id"] == run


@pytest.mark.slow
def test_a_killed_server_goes_on_where_it_was(serve: Serve, tmp_path: Path) -> None:
    studies = write_small_studies(tmp_path / "studies", cases=12)
    server = serve(studies, env=SCORING)
    wait_until(lambda: progress(server)["scored"] >= 2)
    server.process.send_signal(signal.SIGKILL)
    server.process.wait(30)
    before = {case_id: row.created for case_id, row in rows(server)[0].items()}
    assert len(before) >= 2
    server = serve(studies, env=SCORING)
    wait_until(lambda: all_scored(server))
    after = {case_id: row.created for case_id, row in rows(server)[0].items()}
    assert len(after) == 12
    assert {case_id: after[case_id] for case_id in before} == before, "what was scored is not scored again"


@pytest.mark.slow
def test_a_new_champion_scores_anew(serve: Serve, tmp_path: Path, small_weights: Path) -> None:
    weights = tmp_path / "weights"
    shutil.copytree(small_weights, weights)
    server = serve(write_small_studies(tmp_path / "studies", cases=2), conf={"weights": str(weights)}, env=SCORING)
    wait_until(lambda: all_scored(server))
    old = ModelVersion.load(weights / "unet3d.safetensors")
    torch.manual_seed(5)
    state = build_network(old.recipe.network).state_dict()
    save_model_version(weights / "unet3d-2.safetensors", state, name="unet3d", version="untrained-2", recipe=old.recipe, metadata={})
    wait_until(lambda: progress(server)["model_version"] == "unet3d untrained-2")
    assert "no case is scored" in server.client().next_sample("most_uncertain", {})["reason"] or progress(server)["scored"]
    wait_until(lambda: all_scored(server))
    assert len(rows(server)[0]) == len(rows(server, "untrained-2")[0]) == 2


@pytest.mark.slow
def test_scoring_by_hand_is_started_watched_and_stopped(serve: Serve, tmp_path: Path) -> None:
    server = serve(write_small_studies(tmp_path / "studies", cases=30))
    assert server.get("/scoring/").status_code == 404
    server.client().next_sample("most_uncertain", {})
    time.sleep(1)
    assert progress(server)["scored"] == 0, "nothing starts by itself"
    assert server.post("/scoring/luck").status_code == 404
    started = server.post("/scoring/disagreement").json()
    assert started["status"] in ("SUBMITTED", "RUNNING")
    assert server.post("/scoring/disagreement").status_code == 429
    both = server.post("/scoring/").json()["disagreement"]
    assert both["result"]["id"] == started["id"]
    assert "under way" in both["detail"]
    wait_until(lambda: progress(server)["scored"] >= 1)
    assert server.get("/scoring/?check_if_running=true").json()["id"] == started["id"]
    # A reader's mask comes although a scoring runs, and a submission stays as it is.
    server.client().infer("unet3d", "Case_001", {"passes": 0})
    stopped = server.delete("/scoring/").json()
    assert stopped["status"] == "STOPPED"
    assert server.get("/scoring/?check_if_running=true").status_code == 404
    scored = progress(server)["scored"]
    assert 1 <= scored < 30
    time.sleep(1)
    assert progress(server)["scored"] == scored
    assert f"{scored} of 30 cases to do are scored" in server.client().info()["description"]
    assert server.delete("/scoring/").json() is None


@pytest.mark.slow
def test_a_case_that_cannot_be_read_is_named_and_tried_again_when_it_was_mended(serve: Serve, tmp_path: Path) -> None:
    studies = write_small_studies(tmp_path / "studies", cases=2)
    file = studies / "Case_000" / "Case_000_t1.nii.gz"
    good = file.read_bytes()
    file.write_bytes(good[:300])
    server = serve(studies)
    done = server.post("/scoring/disagreement?run_sync=true").json()
    assert done["status"] == "DONE"
    assert list(done["progress"]["failed"]) == ["Case_000"]
    assert "Case_000_t1.nii.gz" in rows(server)[0]["Case_000"].error
    assert progress(server)["scored"] == 1
    # It is offered all the same.
    assert {server.client().next_sample("most_uncertain", {})["id"] for _ in range(2)} == {"Case_000", "Case_001"}
    file.write_bytes(good)
    assert server.post("/scoring/disagreement?run_sync=true").json()["progress"]["failed"] == {}
    assert all_scored(server)
