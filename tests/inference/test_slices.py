"""Slices: probabilities on the grid they came on, whatever the batch; passes that differ by dropout alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gliolabel.errors import InputError
from gliolabel.inference import slices
from gliolabel.inference.slices import SliceSegmenter
from gliolabel.recipes import ModelVersion, Recipe, build_network, save_model_version

#: A U-Net over FLAIR slices of any size, as report 000 prepares them, but small.
RECIPE: dict[str, Any] = {
    "name": "small",
    "title": "test",
    "source": "test",
    "data": {"layout": "lgg", "channels": ["t1", "flair", "t1ce"], "unit": "slice", "target": "whole_tumour"},
    "preprocessing": [{"kind": "resize", "size": [32, 32]}, {"kind": "z_score"}],
    "sampling": {"kind": "whole", "patch": [32, 32], "batch_size": 2},
    "network": {"kind": "unet", "in_channels": 3, "out_channels": 1, "channels": [4, 8], "norm": "batch", "dropout": [0.3]},
    "loss": {"kind": "binary"},
    "optimiser": {"kind": "adam", "learning_rate": 0.01},
    "inference": {"threshold": 0.3},
    "epochs": 1,
}


@pytest.fixture
def model(tmp_path: Path) -> Callable[..., ModelVersion]:
    """Makes untrained models; keywords replace sections of the recipe."""

    def make(**sections: Any) -> ModelVersion:
        recipe = Recipe.model_validate({**RECIPE, **{name: {**RECIPE[name], **value} for name, value in sections.items()}})
        torch.manual_seed(0)
        weights = build_network(recipe.network).state_dict()
        return save_model_version(tmp_path / "small.safetensors", weights, name="small", version="1", recipe=recipe, metadata={})

    return make


@pytest.fixture
def stack() -> np.ndarray:
    """(3, 7, 48, 40): smooth, so that resizing and back changes little."""
    z, y, x = np.mgrid[:7, :48, :40]
    waves = [np.sin(x / 7 + z) + np.cos(y / 9), np.cos(x / 5) * np.sin(y / 8 + z), np.sin((x + y) / 11 - z)]
    return ((np.stack(waves) + 2) * 60).astype(np.float32)


def test_a_result_lies_on_the_grid_of_the_stack(model: Callable[..., ModelVersion], stack: np.ndarray) -> None:
    result = SliceSegmenter(model(), device="cpu").segment(stack, passes=2)
    assert result.probabilities.shape == (1, 7, 48, 40)
    assert result.probabilities.dtype == np.float32
    assert 0 <= result.probabilities.min() < result.probabilities.max() <= 1
    assert result.mask.shape == (7, 48, 40)
    assert result.mask.dtype == np.uint8
    assert result.std is not None
    assert result.std.shape == (1, 7, 48, 40)


def test_the_mask_is_what_exceeds_the_recipes_threshold(model: Callable[..., ModelVersion], stack: np.ndarray) -> None:
    low = SliceSegmenter(model(), device="cpu").segment(stack)
    np.testing.assert_array_equal(low.mask, low.probabilities[0] > 0.3)
    high = SliceSegmenter(model(inference={"threshold": 0.6}), device="cpu").segment(stack)
    np.testing.assert_array_equal(high.mask, low.probabilities[0] > 0.6)
    assert 0 < high.mask.sum() < low.mask.sum()


def test_batches_do_not_matter(model: Callable[..., ModelVersion], stack: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    segmenter = SliceSegmenter(model(), device="cpu", precision=torch.float32)
    whole = segmenter.segment(stack, passes=2, seed=5)
    monkeypatch.setattr(slices, "SLICES_AT_ONCE", 3)
    parts = segmenter.segment(stack, passes=2, seed=5)
    assert whole.std is not None
    np.testing.assert_allclose(parts.probabilities, whole.probabilities, atol=1e-6)
    np.testing.assert_allclose(parts.std, whole.std, atol=1e-6)
    single = segmenter.segment(stack[:, 4], passes=2, seed=5)
    np.testing.assert_allclose(single.probabilities, whole.probabilities[:, 4], atol=1e-6)
    np.testing.assert_allclose(single.std, whole.std[:, 4], atol=1e-6)
    np.testing.assert_array_equal(single.mask, whole.mask[4])


def test_it_is_the_network_on_the_prepared_slices(model: Callable[..., ModelVersion]) -> None:
    """With slices of the recipe's size there is nothing to restore: an independent calculation."""
    version = model()
    image = np.random.default_rng(0).uniform(0, 255, (3, 2, 32, 32)).astype(np.float32)
    ours = SliceSegmenter(version, device="cpu", precision=torch.float32).probabilities(image)
    samples = torch.as_tensor(image).movedim(1, 0)
    mean, std = samples.mean(dim=(2, 3), keepdim=True), samples.std(dim=(2, 3), keepdim=True, unbiased=False)
    with torch.inference_mode():
        theirs = version.build()((samples - mean) / std).sigmoid().movedim(0, 1).numpy()
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_passes_follow_their_seed_and_leave_the_mask_and_the_statistics(model: Callable[..., ModelVersion], stack: np.ndarray) -> None:
    segmenter = SliceSegmenter(model(), device="cpu", precision=torch.float32)
    before = segmenter.segment(stack)
    first = segmenter.segment(stack, passes=3, seed=1)
    other = segmenter.segment(stack, passes=3, seed=2)
    again = segmenter.segment(stack, passes=3, seed=1)
    assert first.std is not None
    assert other.std is not None
    np.testing.assert_array_equal(first.std, again.std)
    assert np.abs(first.std - other.std).max() > 1e-3
    np.testing.assert_array_equal(first.mask, before.mask)
    np.testing.assert_array_equal(segmenter.probabilities(stack), before.probabilities)
    samples = np.stack([sample.numpy() for sample in segmenter.samples(stack, passes=3, seed=1)])
    np.testing.assert_allclose(first.std, samples.std(axis=0), atol=1e-6)


def test_slices_that_keep_their_size_may_have_any(model: Callable[..., ModelVersion]) -> None:
    """The network halves three times; 45 and 50 are no multiples of eight."""
    recipe = {**RECIPE, "preprocessing": [{"kind": "divide", "by": 255.0}]}
    version = model(network={"channels": [4, 8, 8, 8]})
    version = replace(version, recipe=Recipe.model_validate({**recipe, "network": version.recipe.network.model_dump()}))
    image = np.random.default_rng(0).uniform(0, 255, (3, 2, 45, 50)).astype(np.float32)
    result = SliceSegmenter(version, device="cpu", precision=torch.float32).segment(image)
    assert result.probabilities.shape == (1, 2, 45, 50)
    # Padded on both sides: 45 to 48 (1 before), 50 to 56 (3 before).
    padded = np.pad(image / 255, ((0, 0), (0, 0), (1, 2), (3, 3)))
    with torch.inference_mode():
        theirs = version.build()(torch.as_tensor(padded).movedim(1, 0)).sigmoid().movedim(0, 1).numpy()
    np.testing.assert_allclose(result.probabilities, theirs[:, :, 1:46, 3:53], atol=1e-5)


def test_a_network_without_dropout_says_so(model: Callable[..., ModelVersion], stack: np.ndarray) -> None:
    assert SliceSegmenter(model(), device="cpu").has_dropout
    sure = SliceSegmenter(model(network={"dropout": [0.0]}), device="cpu")
    assert not sure.has_dropout
    result = sure.segment(stack, passes=3)
    assert result.std is not None
    assert result.std.max() == 0


def test_classes_are_told_apart_by_the_largest(model: Callable[..., ModelVersion], stack: np.ndarray) -> None:
    version = model(network={"out_channels": 4}, data={"target": "classes"}, loss={"kind": "multilabel"})
    result = SliceSegmenter(version, device="cpu").segment(stack)
    assert result.probabilities.shape == (4, 7, 48, 40)
    np.testing.assert_allclose(result.probabilities.sum(axis=0), 1, atol=1e-4)
    np.testing.assert_array_equal(result.mask, result.probabilities.argmax(axis=0))


def test_errors_say_what_was_expected(model: Callable[..., ModelVersion], stack: np.ndarray) -> None:
    segmenter = SliceSegmenter(model(), device="cpu")
    with pytest.raises(InputError, match=r"channels t1, flair, t1ce"):
        segmenter.segment(stack[:2])
    with pytest.raises(InputError, match=r"data\.unit volume"):
        SliceSegmenter(model(data={"unit": "volume"}), device="cpu")


def test_it_can_be_stopped_between_batches(model: Callable[..., ModelVersion], stack: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "SLICES_AT_ONCE", 2)
    calls: list[int] = []

    def stop() -> None:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        SliceSegmenter(model(), device="cpu").segment(stack, cancel=stop)
    assert len(calls) == 3
