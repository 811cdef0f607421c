"""Bootstrap, summaries and comparisons against numbers worked out by hand and against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import bootstrap

from gliolabel.evaluation.comparison import compare_pairs
from gliolabel.evaluation.statistics import RESAMPLES, mean_interval, resample, summarise


def test_a_summary_by_hand() -> None:
    summary = summarise({"a": 0.2, "b": 0.8, "c": None})
    assert (summary.n, summary.missing) == (2, 1)
    assert summary.mean == pytest.approx(0.5)
    assert summary.median == pytest.approx(0.5)
    assert summary.sd == pytest.approx(0.6 / np.sqrt(2))
    # Two patients: both the first, one of each or both the second, with chances 1/4, 1/2, 1/4; 2.5 % lie well within the first.
    for interval in (summary.mean_interval, summary.median_interval):
        assert interval is not None
        assert (interval.low, interval.high) == pytest.approx((0.2, 0.8))


def test_resamples_of_two_patients_come_with_the_right_chances() -> None:
    means, medians = resample(np.array([0.0, 1.0]), ["a", "b"], seed=1)
    assert len(means) == RESAMPLES
    np.testing.assert_array_equal(means, medians)
    shares = [float((means == value).mean()) for value in (0.0, 0.5, 1.0)]
    assert sum(shares) == pytest.approx(1.0)
    assert shares == pytest.approx([0.25, 0.5, 0.25], abs=0.02)


def test_a_patient_is_drawn_with_all_examinations() -> None:
    # Patient p has two scans: drawn twice 0, with q (0 + 0 + 3) / 3, q twice 3.
    means, medians = resample(np.array([0.0, 0.0, 3.0]), ["p", "p", "q"], seed=2)
    assert sorted(set(means.tolist())) == [0.0, 1.0, 3.0]
    assert sorted(set(medians.tolist())) == [0.0, 3.0]
    summary = summarise({"p1": 0.0, "p2": 0.0, "q1": 3.0}, patients={"p1": "p", "p2": "p", "q1": "q"})
    assert summary.mean == pytest.approx(1.0)
    assert summarise({"p1": 0.0, "p2": 1.0}, patients={"p1": "p", "p2": "p"}).mean_interval is None


def test_medians_of_resamples_are_those_of_the_repeated_values() -> None:
    values = np.random.default_rng(5).normal(size=7)
    names = list("abcdefg")
    means, medians = resample(values, names, seed=4, count=50)
    drawn = np.random.default_rng(4).integers(0, 7, size=(50, 7))
    np.testing.assert_allclose(means, values[drawn].mean(axis=1), atol=1e-12)
    np.testing.assert_allclose(medians, np.median(values[drawn], axis=1), atol=1e-12)


def test_the_interval_is_scipys_percentile_interval() -> None:
    values = np.random.default_rng(6).gamma(2.0, size=40)
    mine = mean_interval(values, [str(i) for i in range(40)], seed=0)
    theirs = bootstrap((values,), np.mean, n_resamples=RESAMPLES, method="percentile", rng=np.random.default_rng(9)).confidence_interval
    assert mine is not None
    assert (mine.low, mine.high) == pytest.approx((theirs.low, theirs.high), abs=0.02)


def test_the_same_seed_gives_the_same_interval_whatever_the_order() -> None:
    values = {"c": 0.3, "a": 0.9, "b": 0.5}
    assert summarise(values, seed=7) == summarise(dict(sorted(values.items())), seed=7)


def test_nothing_to_summarise() -> None:
    summary = summarise({"a": None})
    assert (summary.n, summary.missing, summary.mean, summary.mean_interval) == (0, 1, None, None)
    alone = summarise({"a": 0.5})
    assert (alone.mean, alone.sd, alone.mean_interval) == (0.5, None, None)


FIRST = {"a": 0.5, "b": 0.6, "c": 0.7, "d": 0.8, "e": 0.9, "f": None}


def test_a_comparison_by_hand() -> None:
    second = {"a": 0.51, "b": 0.62, "c": 0.73, "d": 0.84, "e": 0.95, "f": 0.1}
    found = compare_pairs(FIRST, second, measure="dice")
    assert found.n == 5
    assert found.mean_difference == pytest.approx(0.03)
    assert (found.better, found.worse) == (5, 0)
    # Five differences of one sign: the most extreme of the 32 sign patterns, on both sides.
    assert found.p == pytest.approx(2 / 32)
    assert found.interval is not None
    assert 0.01 <= found.interval.low < 0.03 < found.interval.high <= 0.05


def test_less_is_better_for_distances() -> None:
    found = compare_pairs({"a": 3.0, "b": 5.0, "c": 2.0}, {"a": 2.0, "b": 4.5, "c": 2.5}, measure="hd95_mm")
    assert found.mean_difference == pytest.approx(-1 / 3)
    assert (found.better, found.worse) == (2, 1)


def test_volume_errors_are_compared_by_size() -> None:
    found = compare_pairs({"a": -5.0, "b": 2.0}, {"a": 1.0, "b": -2.0}, measure="volume_error_ml")
    assert found.mean_difference == pytest.approx(-2.0)
    assert (found.better, found.worse) == (1, 0)


def test_a_model_against_itself() -> None:
    found = compare_pairs(FIRST, FIRST, measure="dice")
    assert (found.mean_difference, found.p, found.better, found.worse) == (0.0, 1.0, 0, 0)
    assert compare_pairs({"a": None}, {"a": 1.0}, measure="dice").n == 0
