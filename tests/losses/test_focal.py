"""The three focal losses and the focal Dice loss, by hand and against MONAI."""

from __future__ import annotations

from math import log

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from monai.losses import FocalLoss

from gliolabel.losses import focal_dice_loss, focal_loss, soft_dice_loss, weighted_bce

FORMS = ("standard", "as_printed", "as_run")
# One tumour voxel at .9, one that is none at .2, one tumour voxel at .3.
PREDICTION = torch.tensor([[[0.9, 0.2, 0.3]]], dtype=torch.float64)
TARGET = torch.tensor([[[1.0, 0.0, 1.0]]], dtype=torch.float64)


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("standard", -0.25 * (0.1 * log(0.9) + 0.2 * log(0.8) + 0.7 * log(0.3)) / 3),
        ("as_printed", -0.25 * (0.9 * log(0.9) + 0.8 * log(0.8) + 0.3 * log(0.3)) / 3),
        ("as_run", -(0.1 * log(0.9) + 0.2 * log(0.8) + 0.7 * log(0.3)) / 3),
    ],
)
def test_forms_by_hand(form: str, expected: float) -> None:
    assert focal_loss(PREDICTION, TARGET, form=form).item() == pytest.approx(expected, abs=1e-12)  # type: ignore[arg-type]


def test_alpha_and_gamma_by_hand() -> None:
    expected = -0.5 * (0.1**2 * log(0.9) + 0.2**2 * log(0.8) + 0.7**2 * log(0.3)) / 3
    assert focal_loss(PREDICTION, TARGET, alpha=0.5, gamma=2.0).item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_gamma_0_and_alpha_1_is_the_binary_cross_entropy(form: str) -> None:
    loss = focal_loss(PREDICTION, TARGET, form=form, alpha=1.0, gamma=0.0)  # type: ignore[arg-type]
    assert loss.item() == pytest.approx(weighted_bce(PREDICTION, TARGET).item(), abs=1e-12)


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.5, 1.0, 2.0]))
def test_standard_and_as_run_are_monais_without_alpha(seed: int, gamma: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = 4 * torch.randn(2, 1, 3, 4, dtype=torch.float64, generator=generator)
    target = torch.rand(2, 1, 3, 4, generator=generator) > 0.5
    # MONAI computes in float32.
    monai = FocalLoss(gamma=gamma, alpha=None)(logits, target).item()
    assert focal_loss(logits.sigmoid(), target, form="as_run", gamma=gamma).item() == pytest.approx(monai, rel=1e-5, abs=1e-6)
    assert focal_loss(logits.sigmoid(), target, alpha=0.25, gamma=gamma).item() == pytest.approx(0.25 * monai, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(
    ("form", "wrong"),
    # Standard: the factor is 1 and the logarithm stops at -100. As printed: the factor is 0.
    [("standard", 25.0), ("as_printed", 0.0), ("as_run", 100.0)],
)
def test_probabilities_of_exactly_0_and_1(form: str, wrong: float) -> None:
    prediction = torch.tensor([[[0.0, 1.0]]], dtype=torch.float64, requires_grad=True)
    assert focal_loss(prediction, torch.tensor([[0, 1]]), form=form).item() == 0.0  # type: ignore[arg-type]
    for gamma in (1.0, 0.5):
        loss = focal_loss(prediction, torch.tensor([[1, 0]]), form=form, gamma=gamma)  # type: ignore[arg-type]
        (slope,) = torch.autograd.grad(loss, prediction)
        assert loss.item() == wrong
        assert bool(slope.isfinite().all())


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_gradients(form: str, gamma: float) -> None:
    prediction = PREDICTION.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda p: focal_loss(p, TARGET, form=form, gamma=gamma), prediction)  # type: ignore[arg-type]
    assert torch.autograd.gradcheck(lambda p: focal_dice_loss(p, TARGET, form=form, dice_form="negative_log"), prediction)  # type: ignore[arg-type]


def test_focal_dice_by_hand() -> None:
    # Overlap .9 + .3, sums 1.4 and 2, smoothed by 100.
    dice = (2.4 + 100) / (3.4 + 100)
    focal = -0.25 * (0.1 * log(0.9) + 0.2 * log(0.8) + 0.7 * log(0.3)) / 3
    assert focal_dice_loss(PREDICTION, TARGET).item() == pytest.approx(0.8 * focal + 0.2 * (1 - dice), abs=1e-12)
    as_run = focal_dice_loss(PREDICTION, TARGET, form="as_run", dice_form="negative_log").item()
    assert as_run == pytest.approx(0.8 * 4 * focal + 0.2 * -log(dice), abs=1e-12)
    other = focal_dice_loss(PREDICTION, TARGET, focal=0.0, dice=1.0, smooth=1e-6).item()
    assert other == pytest.approx(1 - 2.400001 / 3.400001, abs=1e-12)


def test_focal_dice_takes_dice_over_the_batch() -> None:
    prediction, target = torch.cat([PREDICTION, PREDICTION / 3]), torch.cat([TARGET, 1 - TARGET])
    loss = focal_dice_loss(prediction, target, focal=0.0, dice=1.0)
    assert loss.item() == pytest.approx(soft_dice_loss(prediction, target, smooth=100.0, batch=True).item(), abs=1e-12)
    # Overlaps 1.2 and .2/3, sums 1.4 + 2 and 1.4/3 + 1.
    assert loss.item() == pytest.approx(1 - (2 * (1.2 + 0.2 / 3) + 100) / (3.4 + 1.4 / 3 + 1 + 100), abs=1e-12)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="'lin'; expected one of 'standard', 'as_printed', 'as_run'"):
        focal_loss(PREDICTION, TARGET, form="lin")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="gamma is -1"):
        focal_loss(PREDICTION, TARGET, gamma=-1)
