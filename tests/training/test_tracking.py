"""The record of a training: what it holds, where it lies, and that it can be gone on with."""

from __future__ import annotations

import os
import socket
import sqlite3
from pathlib import Path

import pytest
import torch
import yaml
from mlflow import MlflowClient
from mlflow.entities import Run
from torch import nn

from gliolabel.inference.precision import Precision
from gliolabel.recipes import load_recipe
from gliolabel.training.sample_pictures import choose_samples, draw_predictions
from gliolabel.training.samples import Sample
from gliolabel.training.tracking import Tracker, how_to_open

RECIPE = load_recipe("jonsson2023_resunet2d_brats19")


def _read(folder: Path) -> tuple[MlflowClient, list[Run]]:
    client = MlflowClient(tracking_uri=f"sqlite:///{folder / 'mlflow.db'}")
    return client, list(client.search_runs([e.experiment_id for e in client.search_experiments()]))


def test_a_record_holds_parameters_curves_recipe_and_pictures_in_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("HOME", str(elsewhere))
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("the network was used"))
    folder = tmp_path / "run"

    tracker = Tracker(folder, RECIPE)
    tracker.begin({"device": "cpu", "samples": {"train": 12, "validation": 3}})
    for step in range(1, 21):
        tracker.step(step, loss=float(step), learning_rate=0.01)
    tracker.epoch(1, {"loss": 0.9, "validation_loss": 0.8, "score": 0.5, "score_with_tumour": None})
    tracker.epoch(2, {"loss": 0.7, "validation_loss": 0.6, "score": 0.6})
    samples = [
        Sample(image=torch.rand(4, 8, 8), target=torch.eye(8).to(torch.uint8), weight=None, case_id="case-1", index=7),
        Sample(image=torch.rand(4, 5, 8, 8), target=torch.zeros(5, 8, 8, dtype=torch.uint8), weight=None, case_id="case-2", index=0),
    ]
    figures = [
        draw_predictions(net, [sample], threshold=0.5, precision=Precision(torch.device("cpu"), torch.float32), title="epoch 2")
        for net, sample in zip((nn.Conv2d(4, 1, 1), nn.Conv3d(4, 4, 1)), samples, strict=True)
    ]
    for number, figure in enumerate(figures):
        tracker.picture(figure, f"epoch-002-{number}")
    tracker.end()

    client, (run,) = _read(folder)
    assert run.info.status == "FINISHED"
    assert run.data.params["optimiser.learning_rate"] == "0.01"
    assert run.data.params["samples.train"] == "12"
    steps = client.get_metric_history(run.info.run_id, "step_loss")
    assert [(point.step, point.value) for point in steps] == [(10, 5.5), (20, 15.5)]
    assert [point.value for point in client.get_metric_history(run.info.run_id, "validation_loss")] == [0.8, 0.6]
    assert "score_with_tumour" not in run.data.metrics
    files = {path.name: path for path in folder.rglob("*") if path.is_file()}
    assert set(files) == {"mlflow.db", "recipe.yaml", "epoch-002-0.png", "epoch-002-1.png"}
    assert yaml.safe_load(files["recipe.yaml"].read_text()) == RECIPE.model_dump(mode="json")
    assert files["epoch-002-0.png"].read_bytes().startswith(b"\x89PNG")
    assert list(elsewhere.iterdir()) == []
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert str(folder / "mlflow.db") in how_to_open(folder)


def test_a_resumed_record_goes_on_without_writing_points_twice(tmp_path: Path) -> None:
    first = Tracker(tmp_path, RECIPE)
    first.begin({"device": "cpu"})
    first.epoch(1, {"loss": 0.9})
    first.epoch(2, {"loss": 0.8})  # after the checkpoint, then killed: no end()

    second = Tracker(tmp_path, RECIPE, resume=True)
    second.begin({"device": "cuda"})
    second.epoch(2, {"loss": 0.8})
    second.epoch(3, {"loss": 0.7})
    second.end()

    client, (run,) = _read(tmp_path)
    assert [(point.step, point.value) for point in client.get_metric_history(run.info.run_id, "loss")] == [(1, 0.9), (2, 0.8), (3, 0.7)]
    assert run.data.params["device"] == "cpu"


def test_a_moved_record_is_not_continued_in_the_old_place(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    Tracker(old, RECIPE).end()
    old.rename(new)
    tracker = Tracker(new, RECIPE, resume=True)
    tracker.begin({})
    tracker.end()
    assert tracker.folder == new
    assert not old.exists()
    assert [path.name for path in new.rglob("recipe.yaml")] == ["recipe.yaml"]


def test_a_record_that_cannot_be_written_does_not_stop_the_training(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tracker = Tracker(tmp_path, RECIPE)
    tracker.epoch(1, {"loss": 1.0})
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        database.execute("DROP TABLE metrics")
    tracker.epoch(2, {"loss": 0.5})
    assert not tracker.enabled
    assert "goes on without" in caplog.text
    tracker.step(10, loss=0.5, learning_rate=0.1)
    tracker.end("FAILED")


def test_no_record_when_none_is_wanted(tmp_path: Path) -> None:
    tracker = Tracker(tmp_path / "run", RECIPE, enabled=False)
    tracker.begin({})
    tracker.step(10, loss=1.0, learning_rate=0.1)
    tracker.end()
    assert not (tmp_path / "run").exists()


def test_pictures_are_of_samples_with_tumour(monkeypatch: pytest.MonkeyPatch) -> None:
    class Targets:
        def __len__(self) -> int:
            return 40

        def targets(self) -> list[torch.Tensor]:
            return [torch.full((2, 2), int(index >= 20)) for index in range(40)]

    chosen = choose_samples(Targets(), count=4)  # type: ignore[arg-type]
    assert chosen == [22, 27, 32, 37]
