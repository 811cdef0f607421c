"""From probabilities to masks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gliolabel.inference.masks import most_probable
from gliolabel.inference.scoring import regions_inside, sum_regions
from gliolabel.metrics import region_masks


def probabilities(seed: int) -> np.ndarray:
    """float32 (4, 3, 4, 5), as from a softmax."""
    logits = np.random.default_rng(seed).normal(scale=2, size=(4, 3, 4, 5))
    raised = np.exp(logits)
    result: np.ndarray = (raised / raised.sum(axis=0)).astype(np.float32)
    return result


@given(st.integers(0, 1000))
def test_without_a_threshold_it_is_the_most_probable_class(seed: int) -> None:
    classes = probabilities(seed)
    np.testing.assert_array_equal(most_probable(classes[1:]), classes.argmax(axis=0))


@given(st.integers(0, 1000), st.floats(0.05, 0.95))
def test_with_a_threshold_tumour_is_where_its_classes_add_up_to_more(seed: int, threshold: float) -> None:
    classes = probabilities(seed)
    mask = most_probable(classes[1:], tumour_threshold=threshold)
    total = classes[1:].sum(axis=0)
    sure = abs(total - threshold) > 1e-5
    np.testing.assert_array_equal((mask > 0)[sure], (total > threshold)[sure])
    np.testing.assert_array_equal(mask[mask > 0], (classes[1:].argmax(axis=0) + 1)[mask > 0])


@pytest.mark.parametrize("threshold", [None, 0.4])
def test_certain_voxels_do_not_depend_on_it(threshold: float | None) -> None:
    certain = np.eye(4, dtype=np.float32)[1:, :, None, None]
    assert most_probable(certain, tumour_threshold=threshold).ravel().tolist() == [0, 1, 2, 3]


@given(st.integers(0, 1000), st.one_of(st.none(), st.floats(0.05, 0.95)))
def test_regions_of_a_pass_are_those_of_its_mask(seed: int, threshold: float | None) -> None:
    foreground = probabilities(seed)[1:]
    inside = regions_inside(torch.from_numpy(sum_regions(foreground)).flatten(1), tumour_threshold=threshold)
    expected = region_masks(most_probable(foreground, tumour_threshold=threshold))
    # A voxel whose probabilities are equal but for rounding may fall on either side: one in 60 at the most.
    assert (inside.numpy() != expected.reshape(3, -1)).any(axis=0).sum() <= 1


def islands() -> np.ndarray:
    """float32 (3, 8, 12, 12): a large tumour of edema with a probability of 0.6, a small sure island, a small doubtful one."""
    edema = np.zeros((8, 12, 12), dtype=np.float32)
    edema[1:7, 1:7, 1:7] = 0.6
    edema[2:4, 9:11, 1:3], edema[2, 9, 1] = 0.5, 0.95
    edema[5:7, 9:11, 9:11] = 0.7
    return np.stack([np.zeros_like(edema), edema, np.zeros_like(edema)])


def test_a_doubtful_island_goes_and_a_sure_one_stays_whole() -> None:
    mask = most_probable(islands(), tumour_threshold=0.4, island_peak=0.8)
    np.testing.assert_array_equal(mask[:, :8], most_probable(islands(), tumour_threshold=0.4)[:, :8])  # the largest is never an island
    assert (mask[2:4, 9:11, 1:3] == 2).all()
    assert not mask[5:7, 9:11, 9:11].any()


def test_a_peak_alone_works_on_masks_of_the_most_probable_class() -> None:
    mask = most_probable(islands(), island_peak=0.8)
    assert mask[2, 9, 1] == 2
    assert not mask[5:7, 9:11, 9:11].any()


def test_without_doubtful_islands_nothing_changes() -> None:
    np.testing.assert_array_equal(most_probable(islands(), island_peak=0.69), most_probable(islands()))
    nothing = np.zeros((3, 4, 4, 4), dtype=np.float32)
    assert not most_probable(nothing, tumour_threshold=0.4, island_peak=0.8).any()


def test_voxels_that_touch_at_a_corner_hang_together() -> None:
    edema = islands()[1]
    edema[7, 7, 7] = 0.5
    mask = most_probable(np.stack([0 * edema, edema, 0 * edema]), tumour_threshold=0.4, island_peak=0.8)
    assert mask[7, 7, 7] == 2
