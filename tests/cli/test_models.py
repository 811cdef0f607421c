"""``gliolabel models`` and ``gliolabel recipes``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml

from gliolabel.recipes import build_network, load_recipe, save_model_version
from gliolabel.registry import Registry


@pytest.fixture
def two_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry with two versions of a tiny unet3d."""
    recipe = load_recipe("unet3d")
    network = recipe.network.model_copy(update={"channels": (4, 8), "dropout": (0.1, 0.1)})
    recipe = recipe.model_copy(update={"network": network})
    torch.manual_seed(0)
    weights = build_network(network).state_dict()
    for version in ("starter-9", "starter-10"):
        path = tmp_path / f"unet3d-{version}.safetensors"
        save_model_version(path, weights, name="unet3d", version=version, recipe=recipe, metadata={"terms": "CC BY 4.0"})
    monkeypatch.setattr("gliolabel.cli.models.open_registry", lambda: Registry(tmp_path))
    monkeypatch.setattr("gliolabel.cli.model_choice.open_registry", lambda: Registry(tmp_path))
    return tmp_path


def test_list_marks_the_champion(gliolabel: Callable, two_versions: Path) -> None:
    rows = json.loads(gliolabel("models", "list", "--json").out)
    assert [(row["version"], row["champion"]) for row in rows] == [("starter-9", False), ("starter-10", True)]
    assert "champion" in gliolabel("models", "list").out


def test_show(gliolabel: Callable, two_versions: Path) -> None:
    shown = json.loads(gliolabel("models", "show", "unet3d", "--json").out)
    assert shown["version"] == "starter-10"
    assert shown["metadata"]["terms"] == "CC BY 4.0"
    assert len(shown["sha256"]) == 64
    assert yaml.safe_load(gliolabel("models", "show", "unet3d", "starter-9").out)["champion"] is False


def test_what_is_not_there(gliolabel: Callable, two_versions: Path) -> None:
    missing = gliolabel("models", "show", "unet3d", "starter-11")
    assert missing.code == 2
    assert "starter-9, starter-10" in missing.err
    assert gliolabel("models", "show", "resunet2d").code == 1
    for file in two_versions.glob("*.safetensors"):
        file.unlink()
    empty = gliolabel("models", "list")
    assert empty.code == 1
    assert "no models" in empty.err
