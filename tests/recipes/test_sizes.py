"""Every report's preprocessing turns the files of its data set into what its network takes."""

from __future__ import annotations

import numpy as np
import pytest

from gliolabel.preprocessing.steps import prepare_slices, prepare_volume
from gliolabel.recipes import list_recipes, load_recipe

REPORTS = [name for name in list_recipes() if load_recipe(name).report]
#: Height and width of a slice as its files have it.
PLANE = {"brats": (240, 240), "lgg": (256, 256)}


@pytest.mark.parametrize("name", REPORTS)
def test_preprocessing_gives_the_size_that_the_recipe_says(name: str) -> None:
    seen = set()
    for variant in (None, *load_recipe(name).variants):
        recipe = load_recipe(name, [variant] if variant else [])
        channels = len(recipe.data.channels)
        if (recipe.preprocessing, channels) in seen:
            continue
        seen.add((recipe.preprocessing, channels))
        depth = 155 if recipe.data.unit == "volume" else 2
        shape = (depth, *PLANE[recipe.data.layout])
        image = np.random.default_rng(0).integers(0, 255, (channels, *shape)).astype(np.float32)
        target = np.zeros(shape, np.uint8)
        if recipe.data.unit == "volume":
            volume = prepare_volume(recipe.preprocessing, image, target)
            assert volume.image.shape == (channels, *recipe.sampling.patch), variant
            assert volume.target is not None
            assert volume.target.shape == recipe.sampling.patch, variant
        else:
            slices = prepare_slices(recipe.preprocessing, image, target)
            assert slices.images.shape == (depth, channels, *recipe.sampling.patch), variant
            assert slices.targets is not None
            assert slices.targets.shape == (depth, *recipe.sampling.patch), variant
