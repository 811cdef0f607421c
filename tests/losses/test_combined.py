"""The combined losses of reports 000 and 001, by hand."""

from __future__ import annotations

from math import log

import pytest
import torch
from monai.losses import DiceCELoss

from gliolabel.losses import combined_loss

PREDICTION = torch.tensor([[[0.9, 0.5, 0.4, 0.2]]], dtype=torch.float64)
TARGET = torch.tensor([[[1.0, 1.0, 0.0, 0.0]]], dtype=torch.float64)
COSTS = [-log(0.9), -log(0.5), -log(0.6), -log(0.8)]
DICE = 1 - (2.8 + 1e-6) / (4 + 1e-6)

CLASSES = torch.tensor([[[0.8, 0.1], [0.2, 0.9]]], dtype=torch.float64)
CLASS_TARGET = torch.tensor([[0, 1]])
# Overlaps .8 and .9, sums .9 + 1 and 1.1 + 1.
CLASS_DICE = ((1 - (1.6 + 1e-6) / (1.9 + 1e-6)) + (1 - (1.8 + 1e-6) / (2.1 + 1e-6))) / 2
CLASS_ENTROPY = -(log(0.8) + log(0.9)) / 2


def test_one_channel_is_the_plain_sum_of_report_000() -> None:
    assert combined_loss(PREDICTION, TARGET).item() == pytest.approx(sum(COSTS) / 4 + DICE, abs=1e-12)
    weighted = combined_loss(PREDICTION, TARGET, weight=torch.tensor([[4.0, 3.0, 2.0, 1.0]]))
    entropy = (4 * COSTS[0] + 3 * COSTS[1] + 2 * COSTS[2] + COSTS[3]) / 4
    assert weighted.item() == pytest.approx(entropy + DICE, abs=1e-12)


@pytest.mark.parametrize("alpha", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_alpha_shares_between_dice_and_cross_entropy(alpha: float) -> None:
    several = combined_loss(CLASSES, CLASS_TARGET, alpha=alpha).item()
    assert several == pytest.approx(alpha * CLASS_DICE + (1 - alpha) * CLASS_ENTROPY, abs=1e-12)
    one = combined_loss(PREDICTION, TARGET, alpha=alpha).item()
    assert one == pytest.approx(alpha * DICE + (1 - alpha) * sum(COSTS) / 4, abs=1e-12)


def test_several_channels_have_alpha_a_half_without_a_choice() -> None:
    assert combined_loss(CLASSES, CLASS_TARGET).item() == pytest.approx((CLASS_DICE + CLASS_ENTROPY) / 2, abs=1e-12)


def test_it_is_monais_dice_ce_loss() -> None:
    logits = torch.randn(2, 4, 3, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    target = torch.randint(0, 4, (2, 3, 3, 3), generator=torch.Generator().manual_seed(4))
    monai = DiceCELoss(softmax=True, to_onehot_y=True, batch=True, smooth_nr=1e-6, smooth_dr=1e-6, lambda_dice=0.25, lambda_ce=0.75)
    ours = combined_loss(logits.softmax(1), target, alpha=0.25)
    assert ours.item() == pytest.approx(monai(logits, target[:, None]).item(), abs=1e-12)


def test_dice_over_the_batch_or_not() -> None:
    prediction, target = torch.cat([PREDICTION, PREDICTION * 0]), torch.cat([TARGET, TARGET])
    # Certain and wrong at two voxels of the second sample: 100 each.
    entropy = (sum(COSTS) + 200) / 8
    apart = combined_loss(prediction, target, smooth=0.0).item()
    assert apart == pytest.approx(entropy + ((1 - 2.8 / 4) + 1) / 2, abs=1e-12)
    together = combined_loss(prediction, target, smooth=0.0, batch=True).item()
    assert together == pytest.approx(entropy + 1 - 2.8 / 6, abs=1e-12)


def test_gradients() -> None:
    prediction, classes = PREDICTION.clone().requires_grad_(), CLASSES.clone().requires_grad_()
    weight = torch.tensor([[4.0, 3.0, 2.0, 1.0]], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda p: combined_loss(p, TARGET, weight=weight), prediction)
    assert torch.autograd.gradcheck(lambda p: combined_loss(p, CLASS_TARGET), classes)


def test_alpha_outside_its_range_is_refused() -> None:
    with pytest.raises(ValueError, match=r"alpha is 1\.5; expected 0 to 1"):
        combined_loss(PREDICTION, TARGET, alpha=1.5)
