"""``gliolabel train --retrain``: the server's retraining without a server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.training.retraining.phantom_site import CRITERIA, early_version, write_phantoms

from gliolabel.registry import Registry
from gliolabel.state import StateFolder
from gliolabel.training.retraining.folder import job_folders


@pytest.fixture(scope="session")
def early_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return early_version(tmp_path_factory.mktemp("early"))


@pytest.fixture(scope="session")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_phantoms(tmp_path_factory.mktemp("studies"), cases=16, seed=5)


@pytest.fixture
def state(tmp_path: Path, early_weights: Path) -> StateFolder:
    """A state folder that a server with these weights has used."""
    folder = StateFolder(tmp_path / "state").create()
    Registry(early_weights, state=folder)
    (tmp_path / "criteria.yaml").write_text(CRITERIA)
    return folder


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "--recipe: is missing"),
        (["--recipe=unet3d"], "--output: is missing"),
        (["--retrain=unet3d", "--recipe=unet3d"], "--recipe: does not go with --retrain"),
        (["--retrain=unet3d", "--steps=5"], "--steps: does not go with --retrain"),
        (["--retrain=other"], "--retrain other: there is no such model. There are: unet3d."),
        (["--retrain=unet3d", "--gate=nowhere.yaml"], "nowhere.yaml"),
        (["--retrain=unet3d", "--device=cuda:99"], "cuda:99"),
        (["--retrain=unet3d", "--labels-in-folder=ignore"], "There is no accepted label"),
    ],
)
def test_what_cannot_be_used_is_named(
    gliolabel: Callable[..., Any], state: StateFolder, studies: Path, options: list[str], said: str
) -> None:
    answer = gliolabel("train", "--studies", studies, "--state", state.path, *options)
    assert answer.code == 2
    assert said in answer.err


@pytest.mark.slow
def test_it_trains_judges_and_promotes_and_then_there_is_nothing_new(
    gliolabel: Callable[..., Any], state: StateFolder, studies: Path, tmp_path: Path
) -> None:
    options = ["--retrain=unet3d", "--studies", studies, "--epochs=1", "--learning-rate=0.01", "--gate", tmp_path / "criteria.yaml"]
    answer = gliolabel("--state", state.path, "train", *options)
    assert answer.code == 0, answer.err
    assert "unet3d site-1 is served from now on, in place of early-1. Accepted:" in answer.out
    assert "index.html" in answer.err
    assert Registry(state=state).champion("unet3d").version == "site-1"
    again = gliolabel("train", "--state", state.path, *options)
    assert (again.code, "Nothing is new" in again.err) == (2, True), again.err
    log = gliolabel("--state", state.path, "models", "audit")
    for event in ("training started", "verdict", "promotion", "training ended"):
        assert event in log.out, log.out


@pytest.mark.slow
def test_interrupted_the_same_command_goes_on(gliolabel: Callable[..., Any], state: StateFolder, studies: Path, tmp_path: Path) -> None:
    options = ["train", "--retrain=unet3d", "--studies", str(studies), "--state", str(state.path), "--epochs=2", "--learning-rate=0.01"]
    options += ["--gate", str(tmp_path / "criteria.yaml")]
    with subprocess.Popen(
        [sys.executable, "-m", "gliolabel.cli", *options], stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    ) as first:
        assert first.stderr is not None
        next(line for line in first.stderr if "epoch 1 of 2" in line)
        first.send_signal(signal.SIGINT)
        said = first.stderr.read()
    assert first.returncode == 1
    assert "The same command goes on where it was" in said
    (folder,) = job_folders(state)
    assert folder.outcome() is None
    answer = gliolabel(*options)
    assert answer.code == 0, answer.err
    assert "continued after step" in answer.err
    assert [found.path for found in job_folders(state)] == [folder.path]
