"""Which weights are served: the newest file, readable ones only; weights of other kinds are refused at the start."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from lgg_app import SMALL

from gliolabel.errors import InputError, UnavailableError
from gliolabel.labelserver.slices import LatestWeights
from gliolabel.recipes import Recipe, build_network, load_recipe, save_model_version


def write(path: Path, version: str, *, recipe: Recipe | None = None, age: float = 0.0) -> Path:
    recipe = recipe or load_recipe("patsatzi2023_unet2d_lgg", SMALL)
    torch.manual_seed(0)
    weights = build_network(recipe.network).state_dict()
    save_model_version(path, weights, name=recipe.name, version=version, recipe=recipe, metadata={})
    stamp = path.stat().st_mtime - age
    os.utime(path, (stamp, stamp))
    return path


def test_without_files_there_is_no_model(tmp_path: Path) -> None:
    weights = LatestWeights("lgg_flair", tmp_path / "models")
    assert weights.names() == ()
    with pytest.raises(UnavailableError, match="no weights yet"):
        weights.champion("lgg_flair")
    assert weights.next_file() == (tmp_path / "models" / "lgg_flair-1.safetensors", "trained-1")


def test_the_newest_file_is_served_under_the_apps_name(tmp_path: Path) -> None:
    given = write(tmp_path / "given.safetensors", "mine", age=100)
    weights = LatestWeights("lgg_flair", tmp_path / "models", given=given)
    served = weights.champion("lgg_flair")
    assert (served.name, served.version) == ("lgg_flair", "mine")
    path, version = weights.next_file()
    write(path, version, age=50)
    assert weights.champion("lgg_flair").version == "trained-1"
    path, version = weights.next_file()
    assert version == "trained-2"
    write(path, version)
    assert weights.champion("lgg_flair").version == "trained-2"
    os.utime(given)
    assert weights.champion("lgg_flair").version == "mine"


def test_a_damaged_file_is_passed_over_and_deleting_the_newest_goes_back(tmp_path: Path) -> None:
    weights = LatestWeights("lgg_flair", tmp_path / "models")
    write(tmp_path / "models" / "lgg_flair-1.safetensors", "trained-1", age=50)
    newest = write(tmp_path / "models" / "lgg_flair-2.safetensors", "trained-2")
    newest.write_bytes(newest.read_bytes()[:100])
    assert weights.champion("lgg_flair").version == "trained-1"
    newest.unlink()
    assert weights.champion("lgg_flair").version == "trained-1"


def test_weights_that_do_not_segment_slices_are_refused(tmp_path: Path) -> None:
    recipe = load_recipe("unet3d", ["network.channels=[4,8]", "network.dropout=[0.1]"])
    with pytest.raises(InputError, match=r"unit volume and 4 outputs"):
        LatestWeights("lgg_flair", tmp_path, given=write(tmp_path / "w.safetensors", "x", recipe=recipe))
    with pytest.raises(InputError, match="cannot be read"):
        LatestWeights("lgg_flair", tmp_path, given=tmp_path / "nothing.safetensors")
