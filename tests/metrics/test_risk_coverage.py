"""Risk-coverage curves with known answers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from gliolabel.metrics import risk_coverage

EIGHTHS = [k / 8 for k in range(1, 9)]
LOSS = np.array([1, 0, 0, 1, 0, 0, 0, 0], dtype=float)


def test_a_perfect_map_puts_every_error_last() -> None:
    found = risk_coverage(LOSS, LOSS, coverages=EIGHTHS)
    assert found.coverage.tolist() == EIGHTHS
    assert found.risk == pytest.approx([0, 0, 0, 0, 0, 0, 1 / 7, 2 / 8])
    assert found.area == pytest.approx((1 / 7 + 2 / 8) / 8)


def test_a_useless_map_has_the_error_rate_at_every_coverage() -> None:
    found = risk_coverage(LOSS, np.full(8, 0.3), coverages=[0.25, 0.5, 0.75, 1.0])
    assert found.risk == pytest.approx([0.25] * 4)
    assert found.area == pytest.approx(0.25)


def test_the_worst_map_is_sure_of_its_errors() -> None:
    found = risk_coverage(LOSS, -LOSS, coverages=EIGHTHS)
    assert found.risk == pytest.approx([1, 1, 2 / 3, 2 / 4, 2 / 5, 2 / 6, 2 / 7, 2 / 8])
    assert found.area > risk_coverage(LOSS, np.zeros(8)).area > risk_coverage(LOSS, LOSS).area


def test_ties_are_the_mean_over_all_orders() -> None:
    loss, doubt = np.array([1.0, 0.0, 0.0, 0.0, 1.0]), np.array([0.2, 0.2, 0.2, 0.7, 0.7])
    areas = [
        np.mean(loss[list(a + b)].cumsum() / np.arange(1, 6))
        for a in itertools.permutations((0, 1, 2))
        for b in itertools.permutations((3, 4))
    ]
    assert risk_coverage(loss, doubt).area == pytest.approx(np.mean(areas))


def test_only_the_order_counts_and_losses_may_be_any_number() -> None:
    rng = np.random.default_rng(0)
    loss, doubt = rng.random(200), rng.random(200)
    assert risk_coverage(loss, doubt).area == pytest.approx(risk_coverage(loss, np.exp(5 * doubt)).area)
    assert risk_coverage(loss, doubt).risk[-1] == pytest.approx(loss.mean())


def test_bad_input() -> None:
    with pytest.raises(ValueError, match=r"shape \(2,\)"):
        risk_coverage([0, 1], [0, 1, 2])
    with pytest.raises(ValueError, match="at least one"):
        risk_coverage([], [])
    with pytest.raises(ValueError, match="not numbers"):
        risk_coverage([0, 1], [0.5, np.nan])
