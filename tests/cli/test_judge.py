"""``gliolabel judge``: the gate by hand. The networks' part is taken by predictors that know the truth."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from gliolabel.recipes import ModelVersion
from gliolabel.recipes.model_version import save_model_version
from gliolabel.registry import Registry
from gliolabel.studies import open_studies


@pytest.fixture
def predicted(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Replaces the networks: the starter grows every tumour, others are perfect; the predictors that were opened."""
    spec = importlib.util.spec_from_file_location("grown", Path(__file__).parents[1] / "evaluation" / "grown.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    opened: list[Any] = []

    def predictor(version: ModelVersion) -> Any:
        opened.append(module.GrownTruth(version, voxels=1 if version.version.startswith("starter") else 0))
        return opened[-1]

    monkeypatch.setattr("gliolabel.training.gate.measuring.Segmenter", lambda version, device: version)
    monkeypatch.setattr("gliolabel.training.gate.measuring.SegmenterPredictor", predictor)
    return opened


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """A second version of the default model."""
    starter = Registry().champion("unet3d")
    path = tmp_path / "trained.safetensors"
    weights = {name: 0.5 * tensor for name, tensor in load_file(starter.path).items()}
    save_model_version(path, weights, name="unet3d", version="trained-1", recipe=starter.recipe, metadata=dict(starter.metadata))
    return path


@pytest.fixture
def criteria(tmp_path: Path) -> Path:
    """Three phantoms suffice."""
    path = tmp_path / "criteria.yaml"
    path.write_text("least_patients: 3\nleast_patients_per_region: 3\n")
    return path


def test_a_better_version_may_be_promoted(
    gliolabel: Callable, predicted: list[Any], trained: Path, criteria: Path, phantom_folder: Path, tmp_path: Path
) -> None:
    report = tmp_path / "report"
    arguments = ("judge", "unet3d", trained, "--studies", phantom_folder, "--report", report, "--criteria", criteria)
    answer = gliolabel(*arguments)
    assert answer.code == 0, answer.err
    assert "Accepted: all" in answer.out
    assert "not a medical device" in answer.out
    assert {path.name for path in report.iterdir()} == {"cases", "index.html", "verdict.json", "criteria.yaml"}
    again = gliolabel(*arguments, "--json")
    assert json.loads(again.out)["decision"] == "promote"
    assert [len(predictor.predicted) for predictor in predicted] == [3, 3]  # nothing was measured twice


def test_a_worse_version_is_refused(
    gliolabel: Callable, predicted: list[Any], trained: Path, criteria: Path, phantom_folder: Path, tmp_path: Path
) -> None:
    answer = gliolabel("judge", trained, "unet3d", "--studies", phantom_folder, "--report", tmp_path / "r", "--criteria", criteria)
    assert answer.code == 3
    assert "Refused: WT Dice" in answer.out


def test_few_cases_prove_nothing(gliolabel: Callable, predicted: list[Any], trained: Path, phantom_folder: Path, tmp_path: Path) -> None:
    one = open_studies(phantom_folder).ids[0]
    answer = gliolabel("judge", "unet3d", trained, "--studies", phantom_folder, "--report", tmp_path / "r", "--case", one, "--json")
    assert answer.code == 4
    assert json.loads(answer.out)["checks"][0]["value"] == 1


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (("--criteria", "nowhere.yaml"), "gate criteria nowhere.yaml: cannot be read"),
        (("--case", "nobody"), "--case nobody: not in"),
        (("--device", "abacus"), "--device abacus: is no device"),
    ],
)
def test_what_cannot_be_used_is_said(
    gliolabel: Callable, trained: Path, phantom_folder: Path, tmp_path: Path, extra: tuple[str, ...], message: str
) -> None:
    answer = gliolabel("judge", "unet3d", trained, "--studies", phantom_folder, "--report", tmp_path / "r", *extra)
    assert answer.code == 2
    assert message in answer.err
    assert not (tmp_path / "r").exists()
