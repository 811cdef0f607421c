"""Soft Dice losses, by hand and against MONAI."""

from __future__ import annotations

from math import inf, log

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from monai.losses import DiceLoss
from torch import Tensor

from gliolabel.losses import multilabel_dice_loss, soft_dice_loss

# Two samples of four voxels. Overlaps: .9 + .5 = 1.4 and .2; sums: 2 + 2 = 4 and 1 + 1 = 2.
PREDICTION = torch.tensor([[[0.9, 0.5, 0.4, 0.2]], [[0.2, 0.3, 0.5, 0.0]]], dtype=torch.float64)
TARGET = torch.tensor([[[1.0, 1.0, 0.0, 0.0]], [[1.0, 0.0, 0.0, 0.0]]], dtype=torch.float64)


@pytest.mark.parametrize(
    ("smooth", "batch", "expected"),
    [
        (0.0, False, ((1 - 2.8 / 4) + (1 - 0.4 / 2)) / 2),
        (1.0, False, ((1 - 3.8 / 5) + (1 - 1.4 / 3)) / 2),
        (0.0, True, 1 - 3.2 / 6),
        (100.0, True, 1 - 103.2 / 106),
    ],
)
def test_by_hand(smooth: float, batch: bool, expected: float) -> None:
    assert soft_dice_loss(PREDICTION, TARGET, smooth=smooth, batch=batch).item() == pytest.approx(expected, abs=1e-12)


def test_negative_logarithm_by_hand() -> None:
    whole = soft_dice_loss(PREDICTION, TARGET, smooth=100.0, batch=True, form="negative_log")
    assert whole.item() == pytest.approx(-log(103.2 / 106), abs=1e-12)
    each = soft_dice_loss(PREDICTION, TARGET, smooth=0.0, form="negative_log")
    assert each.item() == pytest.approx(-(log(2.8 / 4) + log(0.4 / 2)) / 2, abs=1e-12)


def test_defaults_are_those_of_report_000() -> None:
    # 1e-6 above and below, each sample by itself.
    expected = ((1 - (2.8 + 1e-6) / (4 + 1e-6)) + (1 - (0.4 + 1e-6) / (2 + 1e-6))) / 2
    assert soft_dice_loss(PREDICTION, TARGET).item() == pytest.approx(expected, abs=1e-12)


def test_edges() -> None:
    empty, full = torch.zeros(1, 1, 4, dtype=torch.float64), torch.ones(1, 1, 4, dtype=torch.float64)
    for smooth in (0.0, 1e-6, 100.0):
        assert soft_dice_loss(empty, empty, smooth=smooth).item() == 0.0
        assert soft_dice_loss(full, full, smooth=smooth).item() == 0.0
    assert soft_dice_loss(full, empty, smooth=0.0).item() == 1.0
    assert soft_dice_loss(empty, full, smooth=1.0).item() == pytest.approx(1 - 1 / 5)
    assert soft_dice_loss(empty, full, smooth=0.0, form="negative_log").item() == inf


def test_the_gradient_of_empty_against_empty_is_finite() -> None:
    prediction = torch.zeros(2, 1, 4, dtype=torch.float64, requires_grad=True)
    soft_dice_loss(prediction, TARGET * 0, smooth=0.0).backward()
    assert prediction.grad is not None
    assert bool(prediction.grad.isfinite().all())


# One sample, three classes, two voxels of class 0 and one each of 1 and 2.
CLASSES = torch.tensor([[[0.8, 0.6, 0.1, 0.5], [0.1, 0.3, 0.7, 0.1], [0.1, 0.1, 0.2, 0.4]]], dtype=torch.float64)
CLASS_TARGET = torch.tensor([[0, 0, 1, 2]])
# Overlaps 1.4, .7, .4; sums 2 + 2, 1.2 + 1, .8 + 1.
CLASS_LOSSES = [1 - 2.8 / 4, 1 - 1.4 / 2.2, 1 - 0.8 / 1.8]


def test_multilabel_by_hand() -> None:
    assert multilabel_dice_loss(CLASSES, CLASS_TARGET, smooth=0.0).item() == pytest.approx(sum(CLASS_LOSSES) / 3, abs=1e-12)
    without = multilabel_dice_loss(CLASSES, CLASS_TARGET, smooth=0.0, background=False)
    assert without.item() == pytest.approx(sum(CLASS_LOSSES[1:]) / 2, abs=1e-12)
    smooth = multilabel_dice_loss(CLASSES, CLASS_TARGET, smooth=1.0)
    assert smooth.item() == pytest.approx(((1 - 3.8 / 5) + (1 - 2.4 / 3.2) + (1 - 1.8 / 2.8)) / 3, abs=1e-12)


def test_multilabel_sums_over_the_batch() -> None:
    # The second sample is right and all background: class 0 gains 4 voxels in both masks and in the overlap.
    right = torch.tensor([[[1.0] * 4, [0.0] * 4, [0.0] * 4]], dtype=torch.float64)
    both, target = torch.cat([CLASSES, right]), torch.cat([CLASS_TARGET, torch.zeros(1, 4, dtype=torch.long)])
    pooled = [1 - 2 * 5.4 / 12, *CLASS_LOSSES[1:]]
    assert multilabel_dice_loss(both, target, smooth=0.0).item() == pytest.approx(sum(pooled) / 3, abs=1e-12)
    # Each by itself: the second sample costs nothing, its two empty classes included.
    each = multilabel_dice_loss(both, target, smooth=0.0, batch=False)
    assert each.item() == pytest.approx(sum(CLASS_LOSSES) / 6, abs=1e-12)


def test_one_hot_and_classes_are_the_same_target() -> None:
    one_hot = torch.stack([torch.eq(CLASS_TARGET, c) for c in range(3)], dim=1)
    losses = {multilabel_dice_loss(CLASSES, t).item() for t in (CLASS_TARGET, CLASS_TARGET[:, None], one_hot, one_hot.double())}
    assert len(losses) == 1


@given(st.integers(0, 2**32 - 1), st.sampled_from([1e-6, 1.0, 100.0]), st.booleans(), st.integers(1, 3))
def test_it_is_monais_dice_loss(seed: int, smooth: float, batch: bool, channels: int) -> None:
    prediction, target = _random(seed, channels)
    monai = DiceLoss(smooth_nr=smooth, smooth_dr=smooth, batch=batch)(prediction, target)
    assert soft_dice_loss(prediction, target, smooth=smooth, batch=batch).item() == pytest.approx(monai.item(), abs=1e-12)


def test_multilabel_is_monais_dice_loss() -> None:
    for background in (True, False):
        monai = DiceLoss(include_background=background, to_onehot_y=True, batch=True, smooth_nr=1e-6, smooth_dr=1e-6)
        ours = multilabel_dice_loss(CLASSES, CLASS_TARGET, background=background)
        assert ours.item() == pytest.approx(monai(CLASSES, CLASS_TARGET[:, None]).item(), abs=1e-12)


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 1e-6, 100.0]), st.booleans())
def test_it_lies_between_0_and_1(seed: int, smooth: float, batch: bool) -> None:
    prediction, target = _random(seed, 2)
    loss = soft_dice_loss(prediction, target, smooth=smooth, batch=batch).item()
    assert -1e-12 <= loss <= 1
    assert soft_dice_loss(prediction, target, smooth=smooth, batch=batch, form="negative_log").item() >= loss - 1e-12


@pytest.mark.parametrize("form", ["one_minus", "negative_log"])
@pytest.mark.parametrize("batch", [True, False])
def test_gradients(form: str, batch: bool) -> None:
    prediction = PREDICTION.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda p: soft_dice_loss(p, TARGET, smooth=1.0, batch=batch, form=form), prediction)  # type: ignore[arg-type]
    classes = CLASSES.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda p: multilabel_dice_loss(p, CLASS_TARGET, batch=batch), classes)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="'log'; expected one of 'one_minus'"):
        soft_dice_loss(PREDICTION, TARGET, form="log")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="smooth is -1"):
        soft_dice_loss(PREDICTION, TARGET, smooth=-1)
    with pytest.raises(ValueError, match="one channel"):
        multilabel_dice_loss(PREDICTION, TARGET, background=False)
    with pytest.raises(ValueError, match="expected \\(batch, channels"):
        soft_dice_loss(torch.rand(4, 4), torch.zeros(4, 4))


def _random(seed: int, channels: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    prediction = torch.rand(3, channels, 4, 5, dtype=torch.float64, generator=generator)
    return prediction, (torch.rand(3, channels, 4, 5, generator=generator) > 0.6).double()
