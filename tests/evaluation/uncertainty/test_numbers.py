"""What a map is worth, and what the cases say together: numbers that can be told beforehand."""

from __future__ import annotations

import numpy as np
import pytest

from gliolabel.evaluation.uncertainty.numbers import SET_ASIDE, Judged, best_aurc, judge_map
from gliolabel.metrics import dice


@pytest.fixture
def judged() -> Judged:
    """1000 voxels, the last 100 outside the brain: in each region 300 predicted, 60 of them wrongly, and 30 missed."""
    predicted = np.zeros((3, 1000), dtype=bool)
    truth = np.zeros((3, 1000), dtype=bool)
    predicted[:, :300] = True
    truth[:, 60:330] = True
    return Judged(predicted=predicted, truth=truth, brain=np.arange(1000) < 900)


def test_a_perfect_map(judged: Judged) -> None:
    perfect = (judged.predicted != judged.truth).astype(np.float32)
    numbers, curves = judge_map(perfect, judged)
    for region, best in best_aurc(judged).items():
        assert numbers[region]["aurc"] == pytest.approx(best)
        # 90 errors among 900: risks k / (810 + k) once all that is right is kept.
        assert best == pytest.approx(sum(k / (810 + k) for k in range(1, 91)) / 900)
        # Below the last threshold every error is filtered out and nothing else: Dice 1, no true voxel lost.
        last = float(dice(judged.predicted, judged.truth)[0])
        assert curves[region]["dice"] == pytest.approx([1.0] * 40 + [last], rel=1e-5)
        assert numbers[region]["filtered_tp_area"] == numbers[region]["filtered_tn_area"] == 0
        assert numbers[region]["qu_brats"] == pytest.approx((39.5 / 40 + (1 + last) / 80 - 1 / 80 + 2) / 3, abs=1e-6)
        assert curves[region]["risk"][0] == pytest.approx(0.1)
        assert curves[region]["risk"][SET_ASIDE.index(0.1)] == 0


def test_no_uncertainty_is_as_good_as_its_dice(judged: Judged) -> None:
    numbers, curves = judge_map(np.zeros((3, 1000)), judged)
    for r, region in enumerate(numbers):
        assert numbers[region]["aurc"] == pytest.approx(0.1)
        assert numbers[region]["qu_brats"] == pytest.approx((float(dice(judged.predicted, judged.truth)[r]) + 2) / 3)
        assert set(curves[region]["risk"]) == {0.1}


def test_regions_are_judged_apart(judged: Judged) -> None:
    values = np.zeros((3, 1000), dtype=np.float32)
    values[1] = judged.predicted[1] != judged.truth[1]
    numbers, _ = judge_map(values, judged)
    assert numbers["TC"]["aurc"] < numbers["WT"]["aurc"] == numbers["ET"]["aurc"]
