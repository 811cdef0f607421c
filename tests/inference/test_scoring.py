"""From probabilities to masks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gliolabel.inference.scoring import most_probable


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
