"""The bootstrap over repetitions and patients."""

from __future__ import annotations

import numpy as np
import pytest

from gliolabel.evaluation.crossed import crossed_interval


def test_it_is_about_as_wide_as_the_variances_say() -> None:
    """Of a + b with one number a repetition and one a patient, the mean's variance is the sum of both means' variances."""
    generator = np.random.default_rng(3)
    repetitions, patients = generator.normal(0, 1, 40), generator.normal(0, 2, 60)
    found = crossed_interval(repetitions[:, None] + patients[None, :])
    assert found is not None
    expected = 2 * 1.96 * np.sqrt(repetitions.var() / 40 + patients.var() / 60)
    assert found.high - found.low == pytest.approx(expected, rel=0.05)


def test_it_is_wider_than_if_all_tests_were_independent() -> None:
    values = np.repeat(np.random.default_rng(0).normal(0, 1, (1, 12)), 10, axis=0)
    found = crossed_interval(values)
    assert found is not None
    naive = 2 * 1.96 * values.std() / np.sqrt(values.size)
    assert found.high - found.low > 2.5 * naive


def test_patients_that_were_not_tested_do_not_count() -> None:
    generator = np.random.default_rng(1)
    values = generator.normal(0.5, 0.1, (6, 8))
    with_gaps = np.concatenate([values, np.full((6, 2), np.nan)], axis=1)
    assert crossed_interval(with_gaps) == crossed_interval(values)
    values[generator.random((6, 8)) < 0.5] = np.nan
    found = crossed_interval(values)
    assert found is not None
    assert found.low < np.nanmean(values) < found.high


def test_the_seed_decides_and_too_little_gives_nothing() -> None:
    values = np.random.default_rng(2).normal(0, 1, (5, 6))
    assert crossed_interval(values, seed=1) == crossed_interval(values, seed=1) != crossed_interval(values, seed=2)
    assert crossed_interval(values[:1]) is None
    assert crossed_interval(values[:, :1]) is None
