"""The QU-BraTS score, by hand and against the challenge's way of computing it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gliolabel.metrics import dice, qu_brats_curves, qu_brats_score

# A true positive, a false positive, a true negative, a false negative.
PREDICTION = np.array([[1, 1, 0, 0]])
TARGET = np.array([[1, 0, 0, 1]])
UNCERTAINTY = np.array([0.0, 50.0, 100.0, 10.0])


def test_by_hand() -> None:
    curves = qu_brats_curves(PREDICTION, TARGET, UNCERTAINTY, points=2)
    assert curves.thresholds.tolist() == [0, 50, 100]
    # At 0 voxel 0 is left; at 50 all but the true negative; at 100 everything.
    assert curves.dice.tolist() == [[1.0, 0.5, 0.5]]
    assert curves.true_positives.tolist() == [[0.0, 0.0, 0.0]]
    assert curves.true_negatives == pytest.approx(np.array([[1.0, 1.0, 0.0]]), abs=2e-7)
    # Areas: (50 * .75 + 50 * .5) / 100, 0, (50 + 50 * .5) / 100.
    assert curves.areas == pytest.approx(np.array([[0.625, 0.0, 0.75]]), abs=2e-7)
    score = qu_brats_score(PREDICTION, TARGET, UNCERTAINTY, points=2)
    assert score == pytest.approx([(0.625 + 1 + 0.25) / 3], abs=2e-7)


def test_outside_the_brain_only_dice_counts() -> None:
    score = qu_brats_score(PREDICTION, TARGET, UNCERTAINTY, np.array([1, 1, 0, 1]), points=2)
    assert score == pytest.approx([(0.625 + 1 + 1) / 3], abs=2e-7)


def test_a_map_of_zeros_scores_dice_plus_2_thirds() -> None:
    score = qu_brats_score(PREDICTION, TARGET, np.zeros(4))
    assert score == pytest.approx((dice(PREDICTION, TARGET) + 2) / 3, abs=1e-12)
    assert qu_brats_score(np.zeros((1, 4)), np.zeros((1, 4)), np.zeros(4)) == pytest.approx([1.0], abs=1e-12)


def test_unsure_where_wrong_beats_unsure_where_right() -> None:
    good, bad = np.array([0.0, 100.0, 0.0, 100.0]), np.array([100.0, 0.0, 100.0, 0.0])
    none = qu_brats_score(PREDICTION, TARGET, np.zeros(4))
    assert qu_brats_score(PREDICTION, TARGET, bad) < none < qu_brats_score(PREDICTION, TARGET, good)


def test_largest_is_the_scale() -> None:
    assert qu_brats_score(PREDICTION, TARGET, UNCERTAINTY / 100, largest=1.0) == pytest.approx(
        qu_brats_score(PREDICTION, TARGET, UNCERTAINTY), abs=1e-12
    )


@given(st.integers(0, 2**32 - 1))
def test_agrees_with_filtering_at_each_threshold(seed: int) -> None:
    random = np.random.default_rng(seed)
    prediction, target = random.random((2, 2, 3, 4)) > 0.5
    uncertainty = random.integers(0, 41, size=(2, 3, 4)) * random.choice([2.5, 2.4])
    brain = random.random((3, 4)) > 0.3
    expected = [_one(*each, brain) for each in zip(prediction, target, uncertainty, strict=True)]
    assert qu_brats_score(prediction, target, uncertainty, brain) == pytest.approx(expected, abs=1e-9)


def _one(prediction: np.ndarray, target: np.ndarray, uncertainty: np.ndarray, brain: np.ndarray) -> float:
    right, wrong = prediction & target & brain, ~prediction & ~target & brain
    curves: tuple[list[float], list[float], list[float]] = ([], [], [])
    for step in range(41):
        keep = uncertainty <= 2.5 * step
        total = (prediction & keep).sum() + (target & keep).sum()
        curves[0].append(2 * (prediction & target & keep).sum() / total if total else 1.0)
        for curve, voxels in ((curves[1], right), (curves[2], wrong)):
            curve.append((voxels.sum() - (voxels & keep).sum()) / (voxels.sum() + np.finfo(np.float32).eps))
    areas = [sum(2.5 * (a + b) / 2 for a, b in pairwise(c)) / 100 for c in curves]
    return (areas[0] + (1 - areas[1]) + (1 - areas[2])) / 3


@pytest.mark.parametrize("uncertainty", [np.full(4, 101.0), np.full(4, -1.0), np.array([0, 0, 0, np.nan])])
def test_refuses_uncertainties_out_of_range(uncertainty: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected 0 to 100"):
        qu_brats_score(PREDICTION, TARGET, uncertainty)


def test_refuses_shapes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="expected the same"):
        qu_brats_score(PREDICTION, TARGET[:, :3], UNCERTAINTY)
    with pytest.raises(ValueError, match="uncertainty has shape"):
        qu_brats_score(PREDICTION, TARGET, UNCERTAINTY[:3])
    with pytest.raises(ValueError, match="uncertainty has shape"):
        qu_brats_score(PREDICTION, TARGET, UNCERTAINTY, np.ones(3))
