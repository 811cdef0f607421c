"""The product models' loss, by hand and on another device."""

from __future__ import annotations

from math import log

import pytest
import torch

from gliolabel.losses import build_loss, region_dice_loss, region_loss, region_probabilities
from gliolabel.recipes.schema import MultilabelLoss, RegionLoss

# One sample, four classes, two voxels: necrosis and background.
CLASSES = torch.tensor([[[0.1, 0.6], [0.5, 0.1], [0.2, 0.2], [0.2, 0.1]]], dtype=torch.float64)
TARGET = torch.tensor([[1, 0]], dtype=torch.uint8)


def test_regions_are_sums_of_classes() -> None:
    assert region_probabilities(CLASSES)[0].flatten().tolist() == pytest.approx([0.9, 0.4, 0.7, 0.2, 0.2, 0.1])


def test_dice_of_regions_by_hand() -> None:
    # WT and TC hold voxel 0, ET none; 10 is added above and below.
    wt, tc, et = (1.8 + 10) / (1.3 + 1 + 10), (1.4 + 10) / (0.9 + 1 + 10), 10 / (0.3 + 10)
    assert region_dice_loss(CLASSES, TARGET).item() == pytest.approx(1 - (wt + tc + et) / 3, abs=1e-12)


def test_the_sum_with_cross_entropy() -> None:
    both = region_loss(CLASSES.log(), TARGET, dice=0.5, cross_entropy=2.0).item()
    entropy = -(log(0.5) + log(0.6)) / 2
    assert both == pytest.approx(0.5 * region_dice_loss(CLASSES, TARGET).item() + 2 * entropy, abs=1e-12)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_gpu() -> None:
    for section in (RegionLoss(), MultilabelLoss()):
        there = build_loss(section)(CLASSES.cuda(), TARGET.cuda()).item()
        assert there == pytest.approx(build_loss(section)(CLASSES, TARGET).item(), abs=1e-9)
