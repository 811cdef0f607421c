"""The soft Dice score and the regions of a mask."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gliolabel.losses import soft_dice_loss
from gliolabel.metrics import dice, region_masks, soft_dice

PREDICTION = np.array([[0.9, 0.5, 0.4, 0.2], [0.2, 0.3, 0.5, 0.0], [0.0, 0.0, 0.0, 0.0]])
TARGET = np.array([[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]])


def test_by_hand() -> None:
    assert soft_dice(PREDICTION, TARGET) == pytest.approx([2.8 / 4, 0.4 / 2, 1.0], abs=1e-12)
    assert soft_dice(PREDICTION, TARGET, smooth=100) == pytest.approx([102.8 / 104, 100.4 / 102, 1.0], abs=1e-12)
    assert soft_dice(PREDICTION, TARGET, empty=0.0)[2] == 0.0


def test_of_masks_it_is_the_hard_dice() -> None:
    masks = PREDICTION > 0.45
    assert soft_dice(masks, TARGET).tolist() == dice(masks, TARGET).tolist()


def test_it_is_1_minus_the_loss() -> None:
    pair = torch.tensor(PREDICTION)[None], torch.tensor(TARGET, dtype=torch.float64)[None]
    assert soft_dice(PREDICTION, TARGET, smooth=1.0).mean() == pytest.approx(1 - soft_dice_loss(*pair, smooth=1.0).item(), abs=1e-12)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="expected the same"):
        soft_dice(PREDICTION, TARGET[:2])
    with pytest.raises(ValueError, match="smooth is -1"):
        soft_dice(PREDICTION, TARGET, smooth=-1)


def test_regions_of_every_label() -> None:
    masks = region_masks(np.array([[0, 1], [2, 3]], dtype=np.uint8))
    assert masks.dtype == bool
    assert masks.astype(int).tolist() == [[[0, 1], [1, 1]], [[0, 1], [0, 1]], [[0, 0], [0, 1]]]
