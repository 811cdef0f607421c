"""Made-up measures, made-up versions, and a network's part taken by somebody who knows the truth."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from gliolabel.recipes import ModelVersion
from gliolabel.recipes.model_version import save_model_version
from gliolabel.studies import open_studies
from gliolabel.training.gate import GateCase


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"gate_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def made_up() -> ModuleType:
    """The helper module beside this file."""
    return _load(Path(__file__).with_name("made_up.py"))


@pytest.fixture(scope="session")
def starter() -> ModelVersion:
    """A starter version of the 3-D model that never saw four of the real cases; the package's saw all of them."""
    return ModelVersion.load(Path(__file__).parents[3] / "docs" / "model-cards" / "held-out" / "unet3d-fold0.safetensors")


@pytest.fixture
def corrupted(starter: ModelVersion, tmp_path: Path) -> Callable[..., ModelVersion]:
    """``corrupted("bad-1", noise=1.0)`` -> the starter with noise of so many standard deviations on every weight."""

    def make(version: str, *, noise: float, **metadata: Any) -> ModelVersion:
        generator = torch.Generator().manual_seed(0)
        weights = load_file(starter.path)
        # Not the statistics: with a negative variance there would be no network at all.
        for name, _ in starter.build().named_parameters():
            tensor = weights[name].float()
            spread = tensor.std(unbiased=False)
            weights[name] = tensor + noise * spread * torch.randn(tensor.shape, generator=generator)
        return save_model_version(
            tmp_path / f"{version}.safetensors",
            weights,
            name="unet3d",
            version=version,
            recipe=starter.recipe,
            metadata={**starter.metadata, **metadata},
        )

    return make


@pytest.fixture
def locked(phantom_folder: Path) -> list[GateCase]:
    """The three phantoms."""
    return [GateCase.of(case) for case in open_studies(phantom_folder)]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Replaces the networks: the starter is perfect, others grow every tumour; the predictors that were opened."""
    grown = _load(Path(__file__).parents[2] / "evaluation" / "grown.py")
    found: list[Any] = []

    def predictor(version: ModelVersion) -> Any:
        found.append(grown.GrownTruth(version, voxels=0 if version.version.startswith("starter") else 2))
        return found[-1]

    monkeypatch.setattr("gliolabel.training.gate.measuring.Segmenter", lambda version, device: version)
    monkeypatch.setattr("gliolabel.training.gate.measuring.SegmenterPredictor", predictor)
    return found
