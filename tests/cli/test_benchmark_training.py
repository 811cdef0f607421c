"""The comparison of training steps: both sides do the same work, and the command says how fast."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from gliolabel.cli.benchmark import training
from gliolabel.errors import InputError
from gliolabel.inference.precision import Precision
from gliolabel.recipes import Recipe, load_recipe
from gliolabel.studies import open_studies
from gliolabel.training.cases import TrainingCase, load_training_case

SMALL = ["network.channels=[4, 8]", "network.dropout=[0.1]", "sampling.patch=[16, 16, 16]", "sampling.batch_size=2"]


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return load_recipe("unet3d", SMALL)


@pytest.fixture(scope="module")
def case(phantom_folder: Path) -> TrainingCase:
    return load_training_case(next(iter(open_studies(phantom_folder))))


def test_both_sides_do_the_same_work(recipe: Recipe, case: TrainingCase, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = Precision(torch.device("cpu"), torch.float32)
    monkeypatch.setattr(training, "best_precision", lambda device: exact)
    monkeypatch.setattr("gliolabel.training.engine.best_precision", lambda device: exact)
    rounds: list[int] = []
    row = training.compare_training(recipe, case, steps=2, device="cpu", report=lambda: rounds.append(1))
    # The same weights, batch, dropout and loss: only the order of additions differs.
    assert row["first_loss"]["gliolabel"] == pytest.approx(row["first_loss"]["monai"], rel=1e-5)
    assert row["batch"] == [2, 4, 16, 16, 16]
    assert row["precision"] == "float32"
    assert row["ratio"] == pytest.approx(row["monai_s"] / row["gliolabel_s"])
    assert min(row["monai_s"], row["gliolabel_s"], row["draw_s"]) > 0
    assert len(rounds) == training.ROUNDS


def test_a_recipe_without_patches_is_refused(case: TrainingCase) -> None:
    with pytest.raises(InputError, match=r"sampling\.kind is whole"):
        training.compare_training(load_recipe("keller_unet2d_brats20"), case, steps=1)


def test_the_command(gliolabel: Callable, phantom_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = {"gliolabel_s": 1.0, "monai_s": 1.25, "ratio": 1.25, "draw_s": 0.1, "first_loss": {"gliolabel": 2.0, "monai": 2.0}}

    def compared(recipe: Recipe, case: TrainingCase, **_: object) -> dict:
        return {"recipe": recipe.name, "device": "cpu", "precision": "float32", "batch": [1, 4, 8], **numbers}

    monkeypatch.setattr(training, "compare_training", compared)
    answer = gliolabel("benchmark", "--training", "--studies", phantom_folder, "--output", tmp_path / "t.json")
    assert answer.code == 0, answer.err
    assert "1.25" in answer.out
    assert [row["recipe"] for row in json.loads((tmp_path / "t.json").read_text())["rows"]] == ["resunet2d", "unet3d"]
    assert gliolabel("benchmark", "--training", "--model", "nothing", "--studies", phantom_folder).code == 2
