"""State folders for the registry, and tiny weights files."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from gliolabel.recipes import build_network, load_recipe, save_model_version
from gliolabel.state import StateFolder


def write_weights(path: Path, *, version: str, name: str = "unet3d", seed: int = 0) -> Path:
    """A weights file of an untrained network with two levels."""
    recipe = load_recipe(name)
    small = {"channels": (4, 8), "dropout": (0.3, 0.3)} if name == "unet3d" else {}
    recipe = recipe.model_copy(update={"network": recipe.network.model_copy(update=small)})
    torch.manual_seed(seed)
    weights = build_network(recipe.network).state_dict()
    metadata = {"terms": "CC BY 4.0", "code_version": "abc123", "steps": 12}
    save_model_version(path, weights, name=name, version=version, recipe=recipe, metadata=metadata, calibration={"WT": 1.5})
    return path


@pytest.fixture
def state(tmp_path: Path, empty_mlflow: Path) -> StateFolder:
    """A state folder in which no model was ever changed."""
    folder = StateFolder(tmp_path / "state").create()
    folder.models.mkdir()
    shutil.copyfile(empty_mlflow, folder.models / "mlflow.db")
    return folder


@pytest.fixture
def starters(tmp_path: Path) -> Path:
    """A folder with one starter version of a model."""
    folder = tmp_path / "starters"
    write_weights(folder / "unet3d.safetensors", version="starter-1")
    return folder


@pytest.fixture
def trained(tmp_path: Path) -> Callable[..., Path]:
    """``trained("site-1")`` -> the weights file of a new version."""

    def make(version: str, *, seed: int = 1) -> Path:
        return write_weights(tmp_path / "trained" / f"{version}-{seed}.safetensors", version=version, seed=seed)

    return make
