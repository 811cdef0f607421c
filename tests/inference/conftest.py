"""Small models with random weights: what is tested here must hold for any weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from gliolabel.recipes import ModelVersion, build_network, load_recipe, save_model_version
from gliolabel.studies import CaseImages, Grid

CHANGES = {"unet3d": ["network.channels=[4, 8, 16]", "network.dropout=[0.0, 0.2, 0.3]"], "resunet2d": []}


def make_model(folder: Path, name: str, *more: str) -> ModelVersion:
    torch.manual_seed(1)
    recipe = load_recipe(name, [*CHANGES[name], *more])
    weights = build_network(recipe.network).state_dict()
    return save_model_version(folder / f"{name}.safetensors", weights, name=name, version="random", recipe=recipe, metadata={})


@pytest.fixture(params=["unet3d", "resunet2d"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> ModelVersion:
    return make_model(tmp_path, request.param)


@pytest.fixture
def images() -> CaseImages:
    """Four different blobs with a hole of air around them, 20 x 40 x 36 voxels (z, y, x)."""
    shape = (20, 40, 36)
    z, y, x = np.mgrid[: shape[0], : shape[1], : shape[2]]
    inside = ((x - 17) / 14) ** 2 + ((y - 20) / 16) ** 2 + ((z - 10) / 8) ** 2 < 1
    noise = np.random.default_rng(0)
    arrays = {
        s: np.where(inside, 100 + noise.normal(0, 10, shape) + i * x, 0).astype(np.float32)
        for i, s in enumerate(("t1", "t1ce", "t2", "flair"))
    }
    grid = Grid(size=shape[::-1], spacing=(1.0,) * 3, origin=(0.0,) * 3, direction=(1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0))
    return CaseImages(case_id="blob", reference="t1ce", grid=grid, arrays=arrays)
