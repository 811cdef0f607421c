"""When a training stops, and which weights it keeps: traced by hand through Keras's callbacks."""

from __future__ import annotations

import math

import pytest
import torch

from gliolabel.training.stopping import Best, EarlyStopping

STOPS = [
    # Patience 2: the second epoch in a row without a better loss is the last.
    (2, [1.0, 0.9, 0.95, 0.91, 0.5], 3),
    # Set back by every better loss, however little better.
    (2, [1.0, 1.1, 0.999999, 1.0, 1.0], 4),
    # An equal loss is no better one.
    (2, [1.0, 1.0, 1.0, 0.1], 2),
    (5, [0.5, *[0.6] * 4, 0.4, *[0.6] * 5, 0.1], 10),
    (1, [1.0, 0.9, 0.8, 0.7], None),
    (2, [1.0, math.nan, 0.9, math.nan, math.nan, 0.1], 4),
    (None, [1.0, 2.0, 3.0, 4.0], None),
]


@pytest.mark.parametrize(("patience", "losses", "last"), STOPS)
def test_early_stopping_is_keras(patience: int | None, losses: list[float], last: int | None) -> None:
    stopping = EarlyStopping(patience)
    stops = [epoch for epoch, loss in enumerate(losses) if stopping.epoch_ended(loss)]
    assert stops[:1] == ([] if last is None else [last])


def test_early_stopping_goes_on_after_a_checkpoint() -> None:
    first, second = EarlyStopping(3), EarlyStopping(3)
    assert not any(first.epoch_ended(loss) for loss in (1.0, 2.0, 2.0))
    second.load(first.state())
    assert second.epoch_ended(2.0)


@pytest.mark.parametrize(
    ("largest", "values", "epoch"),
    [
        (False, [0.5, 0.3, 0.4, 0.3], 2),  # the first of equal ones
        (True, [0.5, 0.3, 0.7, 0.7], 3),
        (False, [math.nan, 0.4, 0.6], 2),  # not a number is worse than any
        (False, [0.4, math.nan], 1),
        (True, [math.nan, math.nan], 1),  # but some weights there must be
    ],
)
def test_the_best_weights_are_kept(largest: bool, values: list[float], epoch: int) -> None:
    best = Best(largest=largest)
    weights = {"w": torch.zeros(2)}
    for number, value in enumerate(values, start=1):
        weights["w"].fill_(number)
        best.epoch_ended(value, weights, epoch=number)
    assert best.epoch == epoch
    assert best.weights is not None
    assert best.weights["w"].tolist() == [epoch, epoch]
    again = Best(largest=largest)
    again.load(best.state())
    assert again.state() == best.state()
