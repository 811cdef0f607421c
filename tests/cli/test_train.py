"""``gliolabel train``: what it writes and says, what it refuses, and that a killed run ends as one that was left alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from mlflow import MlflowClient
from safetensors.torch import load_file

from gliolabel.phantoms import make_phantom, write_phantom_case
from gliolabel.recipes import ModelVersion

#: A recipe of report 002, small enough for three phantoms: one for training, one for validation, one for the test, six slices each.
SLICES = [
    "--recipe=keller_unet2d_brats20",
    "--set=data.slices=[18, 24]",
    "--set=network.channels=[4, 8]",
    "--set=preprocessing=[{kind: divide_by_max, per: volume}, {kind: resize, size: [16, 16]}]",
    "--set=sampling.patch=[16, 16]",
    "--set=sampling.batch_size=4",
    "--set=data.split.take=[{role: test, share: 0.3}, {role: validation, share: 0.3}]",
    "--device=cpu",
]
#: The product's 3-D recipe, on patches.
PATCHES = [
    "--recipe=unet3d",
    "--set=network.channels=[4, 8]",
    "--set=network.dropout=[0.1]",
    "--set=sampling.patch=[16, 16, 16]",
    "--device=cpu",
]


@pytest.fixture(scope="module")
def small_cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two cases whose few voxels are of 1 mm: nothing has to be resampled, so a test on them is quick."""
    folder = tmp_path_factory.mktemp("small") / "studies"
    for number in range(2):
        phantom = make_phantom(shape=(40, 64, 64), seed=(0, number))
        phantom = replace(phantom, grid=replace(phantom.grid, spacing=(1.0, 1.0, 1.0)))
        write_phantom_case(phantom, folder / f"Small_{number}", name=f"Small_{number}")
    return folder


def test_slices_are_trained_tracked_and_scored(gliolabel: Callable, phantom_folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    answer = gliolabel("train", *SLICES, "--studies", phantom_folder, "--output", output, "--epochs", "3")
    assert answer.code == 0, answer.err
    assert "epoch 3 of 3: loss" in answer.err
    assert "mlflow ui --backend-store-uri sqlite:///" in answer.err
    assert "Research use only" in answer.out

    split = json.loads((output / "split.json").read_text())
    cases = {role: {case_id for case_id, _ in part} for role, part in split.items()}
    assert {role: len(part) for role, part in split.items()} == {"train": 6, "validation": 6, "test": 6}
    assert len(set.union(*cases.values())) == 3, "each patient lies in one part"
    curves = json.loads((output / "curves.json").read_text())
    assert curves["epoch"] == [1, 2, 3]
    assert {len(values) for values in curves.values()} == {3}
    parts = json.loads((output / "test.json").read_text())["parts"]
    assert set(parts) == {"train", "validation", "test"}
    assert all(0 <= part["scores"]["dice"]["all"] <= 1 for part in parts.values())

    model = ModelVersion.load(output / "keller_unet2d_brats20.safetensors")
    assert set(model.metadata["trained_on"]) == cases["train"]
    assert set(model.metadata["held_out"]) == cases["validation"] | cases["test"]

    client = MlflowClient(tracking_uri=f"sqlite:///{output / 'mlflow.db'}")
    (run,) = client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])
    assert run.info.status == "FINISHED"
    assert run.data.params["sampling.batch_size"] == "4"
    logged = [point.value for point in client.get_metric_history(run.info.run_id, "validation_loss")]
    assert logged == pytest.approx(curves["validation_loss"])
    names = {path.name for path in (output / "artifacts").rglob("*") if path.is_file()}
    assert {"recipe.yaml", "epoch-001.png", "epoch-003.png"} <= names


def test_slices_of_one_patient_on_both_sides_are_warned_of(gliolabel: Callable, phantom_folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    command = ("train", *SLICES, "--studies", phantom_folder, "--output", output, "--epochs", "1", "--no-tracking", "--split", "slice")
    answer = gliolabel(*command)
    assert answer.code == 0, answer.err
    assert "the split leaks" in answer.err
    assert not (output / "mlflow.db").exists()


def test_patches_are_trained_and_tested_on_the_case_held_out(gliolabel: Callable, small_cases: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    options = ("--studies", small_cases, "--output", output, "--steps", "3", "--no-tracking", "--hold-out", "Small_1")
    answer = gliolabel("train", *PATCHES, *options)
    assert answer.code == 0, answer.err
    assert set(json.loads((output / "held-out.json").read_text())["cases"]) == {"Small_1"}
    assert json.loads((output / "split.json").read_text()) == {"train": ["Small_0"], "test": ["Small_1"]}
    assert ModelVersion.load(output / "unet3d.safetensors").metadata["held_out"] == ["Small_1"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--recipe=nothing"], "nothing"),
        ([*SLICES, "--epochs=1", "--steps=1"], "give one of them"),
        ([*SLICES, "--fold=0"], "divides by data.split"),
        ([*PATCHES, "--split=slice"], "always divided by patient"),
        ([*PATCHES, "--hold-out=nobody"], "no such case"),
        ([*SLICES, "--set=optimiser.learning_rate=-1"], "optimiser.learning_rate"),
    ],
)
def test_bad_options_are_refused(gliolabel: Callable, phantom_folder: Path, tmp_path: Path, options: list[str], message: str) -> None:
    answer = gliolabel("train", *options, "--studies", phantom_folder, "--output", tmp_path / "run")
    assert answer.code == 2, answer.err
    assert message in answer.err
    assert not (tmp_path / "run" / "checkpoint.pt").exists()


def test_a_missing_folder_and_a_second_run_into_the_same_output_are_refused(
    gliolabel: Callable, phantom_folder: Path, tmp_path: Path
) -> None:
    assert "there is no such folder" in gliolabel("train", *SLICES, "--studies", tmp_path / "none", "--output", tmp_path).err
    (tmp_path / "checkpoint.pt").write_bytes(b"")
    answer = gliolabel("train", *SLICES, "--studies", phantom_folder, "--output", tmp_path)
    assert answer.code == 2
    assert "Add --resume" in answer.err


def test_a_file_that_cannot_be_written_is_named(gliolabel: Callable, phantom_folder: Path, tmp_path: Path) -> None:
    common = ("train", *SLICES, "--studies", phantom_folder, "--output", tmp_path, "--epochs", "2", "--no-tracking")
    (tmp_path / "curves.json").mkdir()
    answer = gliolabel(*common)
    assert answer.code == 1
    assert "curves.json cannot be written" in answer.err
    assert "--resume" in answer.err
    (tmp_path / "curves.json").rmdir()
    assert gliolabel(*common, "--resume").code == 0
    assert json.loads((tmp_path / "curves.json").read_text())["epoch"] == [1, 2]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_a_killed_run_ends_with_the_weights_of_one_that_was_left_alone(gliolabel: Callable, phantom_folder: Path, tmp_path: Path) -> None:
    common = [*SLICES, "--studies", str(phantom_folder), "--epochs", "40", "--no-tracking", "--set=network.dropout=[0.2]"]
    assert gliolabel("train", *common, "--output", tmp_path / "straight").code == 0

    killed = tmp_path / "killed"
    process = subprocess.Popen(
        [sys.executable, "-m", "gliolabel.cli", "train", *common, "--output", str(killed)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())},
    )
    deadline = time.monotonic() + 200
    while not (killed / "checkpoint.pt").exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it ended before it was killed"
    assert not list(killed.glob("*.safetensors"))

    assert gliolabel("train", *common, "--output", killed, "--resume").code == 0
    straight, resumed = (load_file(tmp_path / name / "keller_unet2d_brats20.safetensors") for name in ("straight", "killed"))
    assert straight.keys() == resumed.keys()
    for name, tensor in straight.items():
        assert torch.equal(tensor, resumed[name]), name
    assert json.loads((tmp_path / "straight" / "curves.json").read_text()) == json.loads((killed / "curves.json").read_text())
    assert json.loads((tmp_path / "straight" / "test.json").read_text()) == json.loads((killed / "test.json").read_text())
