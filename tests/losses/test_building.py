"""The recipes' losses of logits: equal to the formulas, and finite where those are not."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.losses import DiceCELoss, DiceFocalLoss, DiceLoss
from torch import Tensor
from torch.nn import functional as F

from gliolabel.losses import (
    build_loss,
    combined_loss,
    cross_entropy,
    focal_dice_loss,
    multilabel_dice_loss,
    region_loss,
    soft_dice_loss,
    weighted_bce,
)
from gliolabel.recipes.schema import BinaryLoss, FocalDiceLoss, Loss, MultilabelLoss, RegionLoss

Formula = Callable[[Tensor, Tensor], Tensor]

BINARY: dict[str, tuple[Loss, Formula]] = {
    "000 combined": (BinaryLoss(), combined_loss),
    "000 cross-entropy": (BinaryLoss(dice=0.0), weighted_bce),
    "000 dice": (BinaryLoss(cross_entropy=0.0), soft_dice_loss),
    "004": (BinaryLoss(cross_entropy=0.0, smooth=1.0, batch=True), lambda p, t: soft_dice_loss(p, t, smooth=1.0, batch=True)),
    "003": (FocalDiceLoss(), focal_dice_loss),
    "003 printed": (FocalDiceLoss(form="as_printed"), lambda p, t: focal_dice_loss(p, t, form="as_printed")),
    "003 run": (
        FocalDiceLoss(form="as_run", dice_form="negative_log"),
        lambda p, t: focal_dice_loss(p, t, form="as_run", dice_form="negative_log"),
    ),
    "003 other numbers": (
        FocalDiceLoss(focal=0.3, dice=0.0, alpha=0.7, gamma=2.5),
        lambda p, t: focal_dice_loss(p, t, focal=0.3, dice=0.0, alpha=0.7, gamma=2.5),
    ),
}
SEVERAL: dict[str, tuple[Loss, Formula]] = {
    "001": (MultilabelLoss(), combined_loss),
    "001 .25": (MultilabelLoss(alpha=0.25), lambda p, t: combined_loss(p, t, alpha=0.25)),
    "001 dice": (MultilabelLoss(alpha=1.0), multilabel_dice_loss),
    "002": (MultilabelLoss(alpha=0.0), cross_entropy),
}
ALL: dict[str, Loss] = {name: loss for name, (loss, _) in (BINARY | SEVERAL).items()} | {"product": RegionLoss()}


def batch(seed: int, *, channels: int, scale: float = 3.0) -> tuple[Tensor, Tensor]:
    """Float64 logits (2, channels, 4, 5) and uint8 classes (2, 4, 5)."""
    generator = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(2, channels, 4, 5, dtype=torch.float64, generator=generator)
    return logits, torch.randint(0, max(channels, 2), (2, 4, 5), generator=generator, dtype=torch.uint8)


@pytest.mark.parametrize("name", BINARY)
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_one_channel_is_the_formula_of_the_sigmoid(name: str, seed: int) -> None:
    section, formula = BINARY[name]
    logits, target = batch(seed, channels=1)
    expected = formula(logits.sigmoid(), target).item()
    assert build_loss(section)(logits, target, None).item() == pytest.approx(expected, abs=1e-9)
    assert build_loss(section)(logits.float(), target).item() == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize("name", SEVERAL)
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_several_channels_are_the_formula_of_the_softmax(name: str, seed: int) -> None:
    section, formula = SEVERAL[name]
    logits, target = batch(seed, channels=4)
    expected = formula(logits.softmax(1), target).item()
    assert build_loss(section)(logits, target, None).item() == pytest.approx(expected, abs=1e-9)
    assert build_loss(section)(logits.float(), target).item() == pytest.approx(expected, abs=2e-6)


def test_the_weight_is_the_class_weight_plus_the_border_term() -> None:
    logits, target = batch(0, channels=1)
    border = torch.rand(2, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    tumour = target.double()
    both = build_loss(BinaryLoss(dice=0.0, border=True, class_weights="balanced"), class_weights=(0.6, 3.0))(logits, target, border)
    cost = F.binary_cross_entropy(logits.sigmoid()[:, 0], tumour, reduction="none")
    assert both.item() == pytest.approx(((0.6 + 2.4 * tumour + border) * cost).mean().item(), abs=1e-9)
    only_border = build_loss(BinaryLoss(dice=0.0, border=True))(logits, target, border)
    assert only_border.item() == pytest.approx(((1 + border) * cost).mean().item(), abs=1e-9)
    only_class = build_loss(BinaryLoss(dice=0.0, class_weights="balanced"), class_weights=(0.6, 3.0))(logits, target)
    assert only_class.item() == pytest.approx(((0.6 + 2.4 * tumour) * cost).mean().item(), abs=1e-9)
    # A loss without balanced weights does not take them up.
    plain = build_loss(BinaryLoss(dice=0.0), class_weights=(0.6, 3.0))(logits, target)
    assert plain.item() == pytest.approx(cost.mean().item(), abs=1e-9)


def test_the_product_loss_is_the_region_loss() -> None:
    logits, target = batch(0, channels=4)
    built = build_loss(RegionLoss(dice=0.7, cross_entropy=0.2))(logits, target)
    assert built.dtype == torch.float64
    assert built.item() == region_loss(logits, target, dice=0.7, cross_entropy=0.2).item()


def test_monai_where_it_has_the_same() -> None:
    logits, target = batch(5, channels=1)
    truth = target[:, None]
    dice = DiceLoss(sigmoid=True, smooth_nr=1e-6, smooth_dr=1e-6)(logits, truth)
    assert build_loss(BinaryLoss(cross_entropy=0.0))(logits, target).item() == pytest.approx(dice.item(), abs=1e-9)
    focal = DiceFocalLoss(
        sigmoid=True, gamma=1.0, lambda_dice=0.2, lambda_focal=0.8 * 0.25, alpha=None, batch=True, smooth_nr=100.0, smooth_dr=100.0
    )
    assert build_loss(FocalDiceLoss())(logits, target).item() == pytest.approx(focal(logits, truth).item(), abs=1e-6)
    logits, target = batch(6, channels=4)
    both = DiceCELoss(softmax=True, to_onehot_y=True, batch=True, smooth_nr=1e-6, smooth_dr=1e-6, lambda_dice=0.75, lambda_ce=0.25)
    assert build_loss(MultilabelLoss(alpha=0.75))(logits, target).item() == pytest.approx(both(logits, target[:, None]).item(), abs=1e-9)


@pytest.mark.parametrize("name", ALL)
def test_gradients(name: str) -> None:
    logits, target = batch(1, channels=1 if name in BINARY else 4)
    assert torch.autograd.gradcheck(build_loss(ALL[name]), (logits.requires_grad_(), target))


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_extreme_logits_and_empty_targets_are_finite(name: str, dtype: torch.dtype) -> None:
    channels = 1 if name in BINARY else 4
    for size in (0.0, 80.0, 3e4):
        logits, target = batch(2, channels=channels)
        for truth in (target, target * 0, target * 0 + 1):
            given_logits = (size * logits.sign()).to(dtype).requires_grad_()
            loss = build_loss(ALL[name])(given_logits, truth)
            loss.backward()
            assert loss.dtype == torch.float32
            assert loss.ndim == 0
            assert bool(loss.isfinite())
            assert given_logits.grad is not None
            assert bool(given_logits.grad.isfinite().all())


@pytest.mark.parametrize("name", ALL)
def test_volumes_and_a_batch_of_one(name: str) -> None:
    channels = 1 if name in BINARY else 4
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(1, channels, 3, 4, 5, generator=generator)
    target = torch.randint(0, max(channels, 2), (1, 3, 4, 5), generator=generator, dtype=torch.uint8)
    flat = build_loss(ALL[name])(logits.flatten(2), target.flatten(1))
    assert build_loss(ALL[name])(logits, target).item() == pytest.approx(flat.item(), abs=1e-6)


@pytest.mark.parametrize("name", ALL)
def test_a_built_loss_reaches_another_process(name: str) -> None:
    logits, target = batch(0, channels=1 if name in BINARY else 4)
    loss = build_loss(ALL[name])
    assert pickle.loads(pickle.dumps(loss))(logits, target) == loss(logits, target)


def test_weights_that_are_missing_or_in_excess_are_refused() -> None:
    logits, target = batch(0, channels=1)
    with pytest.raises(ValueError, match="balanced"):
        build_loss(BinaryLoss(class_weights="balanced"))
    with pytest.raises(ValueError, match="missing"):
        build_loss(BinaryLoss(border=True))(logits, target)
    with pytest.raises(ValueError, match="given"):
        build_loss(BinaryLoss())(logits, target, target.float())
    for name, section in ALL.items():
        if not isinstance(section, BinaryLoss):
            logits, target = batch(0, channels=1 if name in BINARY else 4)
            with pytest.raises(ValueError, match="no weights for pixels"):
                build_loss(section)(logits, target, target.float())
