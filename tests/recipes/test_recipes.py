"""Recipes say exactly what they may, and weights files explain themselves."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from gliolabel.errors import InputError
from gliolabel.recipes import ModelVersion, build_network, list_recipes, load_recipe, save_model_version


def test_the_products_recipes_are_there_and_build() -> None:
    assert {"unet3d", "resunet2d"} <= set(list_recipes())
    for name in list_recipes():
        assert build_network(load_recipe(name).network).divisor > 1


@pytest.fixture
def saved(tmp_path: Path) -> ModelVersion:
    torch.manual_seed(0)
    recipe = load_recipe("unet3d")
    weights = build_network(recipe.network).state_dict()
    return save_model_version(
        tmp_path / "m.safetensors", weights, name="unet3d", version="v1", recipe=recipe, metadata={"trained_on": {"a": {}}}
    )


def test_a_weights_file_comes_back_as_it_was(saved: ModelVersion) -> None:
    assert (saved.name, saved.version, saved.metadata["trained_on"], saved.calibration) == ("unet3d", "v1", {"a": {}}, None)
    assert saved.recipe == load_recipe("unet3d")
    network = saved.build()
    assert not network.training
    torch.manual_seed(0)
    fresh = build_network(saved.recipe.network).state_dict()
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(tensor, fresh[name].half().to(tensor.dtype), atol=0, rtol=0)


def test_a_variance_that_float16_cannot_hold_comes_back_as_it_was(tmp_path: Path) -> None:
    recipe = load_recipe("unet3d")
    weights = build_network(recipe.network).state_dict()
    variance = weights["join.0.norm1.running_var"].fill_(132_098.8)
    saved = save_model_version(tmp_path / "m.safetensors", weights, name="unet3d", version="v1", recipe=recipe, metadata={})
    torch.testing.assert_close(saved.build().state_dict()["join.0.norm1.running_var"], variance, atol=0, rtol=0)


def test_weights_that_float16_cannot_hold_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="diverged"):
        save_model_version(
            tmp_path / "bad.safetensors", {"w": torch.tensor([1e9])}, name="n", version="v", recipe=load_recipe("unet3d"), metadata={}
        )
    assert list(tmp_path.iterdir()) == []


def test_files_that_are_not_ours_are_refused(tmp_path: Path, saved: ModelVersion) -> None:
    (tmp_path / "text.safetensors").write_text("hello")
    with pytest.raises(InputError, match="cannot be read as safetensors"):
        ModelVersion.load(tmp_path / "text.safetensors")
    save_file({"w": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match="no description of a model"):
        ModelVersion.load(tmp_path / "other.safetensors")
    with pytest.raises(InputError, match="cannot be read"):
        ModelVersion.load(tmp_path / "missing.safetensors")
