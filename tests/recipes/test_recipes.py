"""Recipes say exactly what they may, and weights files explain themselves."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from gliolabel.errors import InputError, UnknownError
from gliolabel.recipes import ModelVersion, build_network, list_recipes, load_recipe, save_model_version


def test_the_products_recipes_are_there_and_build() -> None:
    assert {"unet3d", "resunet2d"} <= set(list_recipes())
    for name in list_recipes():
        assert build_network(load_recipe(name).network).divisor > 1


def test_unknown_names_list_what_there_is() -> None:
    with pytest.raises(UnknownError, match=r"'unet4d' is not known; there are: .*unet3d"):
        load_recipe("unet4d")


def test_unknown_and_out_of_range_keys_are_named_with_value_and_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\ntitle: t\nsource: s\nsteps: 0\nnetwork: {kind: unet, depht: 3}\n")
    with pytest.raises(InputError) as error:
        load_recipe(path)
    text = str(error.value)
    assert str(path) in text
    assert "network.depht = 3" in text
    assert "steps = 0: Input should be greater than or equal to 1" in text


def test_changes_replace_settings_and_are_checked() -> None:
    recipe = load_recipe("unet3d", ["sampling.patch=[128, 160, 128]", "optimiser.learning_rate=0.0005"])
    assert recipe.sampling.patch == (128, 160, 128)
    assert recipe.optimiser.learning_rate == 0.0005
    with pytest.raises(InputError, match=r"optimiser\.learning_rate = -1"):
        load_recipe("unet3d", ["optimiser.learning_rate=-1"])
    with pytest.raises(InputError, match="expected section"):
        load_recipe("unet3d", ["learning rate"])


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
        torch.testing.assert_close(tensor, fresh[name].half().float(), atol=0, rtol=0)


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
