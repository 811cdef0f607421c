"""Learning rates against numbers calculated by hand, and against Keras's rule for a plateau."""

from __future__ import annotations

import math

import pytest
import torch
from monai.optimizers import WarmupCosineSchedule as MonaiWarmupCosine

from gliolabel.recipes.schema import (
    ConstantSchedule,
    OneCycleSchedule,
    PlateauSchedule,
    Schedule,
    StepDecaySchedule,
    WarmupCosineSchedule,
)
from gliolabel.training.schedules import LearningRate


def _rate(section: Schedule, *, highest: float = 0.001, steps: int = 100, steps_per_epoch: int = 10) -> LearningRate:
    return LearningRate(section, highest=highest, steps=steps, steps_per_epoch=steps_per_epoch)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (0, 0.0),  # equation 4: target x 0 / 10
        (1, 0.0001),
        (5, 0.0005),
        (9, 0.0009),
        (10, 0.001),  # equation 5: (1 + cos 0) / 2
        (40, 0.00075),  # (1 + cos(pi / 3)) / 2 = 0.75
        (55, 0.0005),  # (1 + cos(pi / 2)) / 2
        (70, 0.00025),
        (99, 0.001 * (1 + math.cos(math.pi * 89 / 90)) / 2),
    ],
)
def test_warm_up_and_cosine_are_equations_4_and_5_of_report_001(step: int, expected: float) -> None:
    assert _rate(WarmupCosineSchedule(warmup_share=0.1)).at(step) == pytest.approx(expected, abs=1e-9)


def test_warm_up_and_cosine_equal_monai() -> None:
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.01)
    theirs = MonaiWarmupCosine(optimiser, warmup_steps=12, t_total=80)
    ours = _rate(WarmupCosineSchedule(warmup_share=0.15), highest=0.01, steps=80)
    for step in range(80):
        assert ours.at(step) == pytest.approx(theirs.get_last_lr()[0], abs=1e-12)
        optimiser.step()
        theirs.step()


def test_warm_up_and_cosine_begin_anew() -> None:
    """Report 001 ran its 20 epochs twice: each run has the whole schedule."""
    once = _rate(WarmupCosineSchedule(warmup_share=0.1), steps=200)
    twice = _rate(WarmupCosineSchedule(warmup_share=0.1, restart_every_epochs=20), steps=400)
    assert [twice.at(step) for step in range(400)] == [once.at(step % 200) for step in range(400)]
    assert twice.at(200) == 0.0


def test_without_warm_up_the_cosine_begins_at_the_top() -> None:
    assert _rate(WarmupCosineSchedule(warmup_share=0.0)).at(0) == 0.001


@pytest.mark.parametrize(("step", "share"), [(0, 1 / 15), (14, 1.0), (15, 1.0), (66, 0.3454915028125263), (100, 0.0)])
def test_one_cycle(step: int, share: float) -> None:
    assert _rate(OneCycleSchedule(warmup_share=0.15)).at(step) == pytest.approx(0.001 * share, abs=1e-9)


def test_constant() -> None:
    assert {_rate(ConstantSchedule()).at(step) for step in (0, 50, 99)} == {0.001}


@pytest.mark.parametrize(("step", "expected"), [(0, 0.001), (29, 0.001), (30, 0.0002), (59, 0.0002), (60, 0.00004), (99, 0.000008)])
def test_step_decay_counts_epochs(step: int, expected: float) -> None:
    assert _rate(StepDecaySchedule(factor=0.2, epochs=3)).at(step) == pytest.approx(expected, abs=1e-12)


#: Validation losses and the rate after each epoch, traced by hand through Keras's ReduceLROnPlateau.
PLATEAU = [
    # Two epochs without a better loss in a row: halved when the second ends. The count begins anew after that.
    ({}, [1.0, 1.1, 1.2, 1.3, 1.4, 1.5], [0.01, 0.01, 0.005, 0.005, 0.0025, 0.0025]),
    # A better loss in between sets the count back.
    ({}, [1.0, 1.1, 0.9, 0.95, 0.96, 0.5], [0.01, 0.01, 0.01, 0.01, 0.005, 0.005]),
    # 0.99995 is not better than 1.0 by more than 1e-4; 0.9998 is.
    ({}, [1.0, 0.99995, 0.99995], [0.01, 0.01, 0.005]),
    ({}, [1.0, 0.9998, 0.9997], [0.01, 0.01, 0.01]),
    # Small improvements add up, because the best stays where it was: 0.99985 is better than 1.0 by 1.5e-4.
    ({}, [1.0, 0.99995, 0.99985, 0.9998], [0.01, 0.01, 0.01, 0.01]),
    # Not below the smallest rate.
    ({"smallest_rate": 0.004}, [1.0, 1.0, 1.0, 1.0, 1.0], [0.01, 0.01, 0.005, 0.005, 0.004]),
    # Report 002: factor 0.2, patience 2, not below 1e-6.
    ({"factor": 0.2, "smallest_rate": 1e-6}, [1.0, 2.0, 2.0], [0.01, 0.01, 0.002]),
    # A loss that is not a number is no better one.
    ({"patience": 1}, [1.0, math.nan, 0.5], [0.01, 0.005, 0.005]),
]


@pytest.mark.parametrize(("settings", "losses", "expected"), PLATEAU)
def test_plateau_is_keras(settings: dict[str, float], losses: list[float], expected: list[float]) -> None:
    rate = _rate(PlateauSchedule(**settings), highest=0.01)  # type: ignore[arg-type]
    assert rate.needs_validation
    found = []
    for loss in losses:
        rate.epoch_ended(loss)
        found.append(rate.at(0))
    assert found == pytest.approx(expected, abs=1e-12)


def test_plateau_equals_torch_with_one_less_patience() -> None:
    """PyTorch acts when the bad epochs exceed its patience, Keras when they reach it."""
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.01)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimiser, factor=0.5, patience=1, threshold=1e-4, threshold_mode="abs", eps=0)
    ours = _rate(PlateauSchedule(patience=2), highest=0.01)
    generator = torch.Generator().manual_seed(3)
    for loss in (1 + 0.3 * torch.rand(60, generator=generator)).tolist():
        theirs.step(loss)
        ours.epoch_ended(loss)
        assert ours.at(0) == pytest.approx(optimiser.param_groups[0]["lr"])
    assert ours.at(0) < 0.001


def test_report_003_ends_at_its_rate() -> None:
    """Four reductions of 0.01 by half: the 6.25e-4 that the report gives."""
    rate = _rate(PlateauSchedule(factor=0.5, patience=2), highest=0.01)
    for loss in [1.0, *[2.0] * 8]:
        rate.epoch_ended(loss)
    assert rate.at(0) == pytest.approx(6.25e-4, abs=1e-12)


def test_a_plateau_goes_on_after_a_checkpoint() -> None:
    section, losses = PlateauSchedule(patience=3), [1.0, 1.1, 1.2, 0.9, 1.0, 1.0, 1.0, 1.0]
    straight = _rate(section)
    for loss in losses:
        straight.epoch_ended(loss)
    first, second = _rate(section), _rate(section)
    for loss in losses[:6]:
        first.epoch_ended(loss)
    second.load(first.state())
    for loss in losses[6:]:
        second.epoch_ended(loss)
    assert second.state() == straight.state()
    assert second.at(0) < 0.001
