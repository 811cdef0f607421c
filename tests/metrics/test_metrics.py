"""Metrics by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gliolabel.metrics import dice, hausdorff95


def test_dice_by_hand_and_empty() -> None:
    prediction = np.array([[0.9, 0.6, 0.2, 0.0], [0, 0, 0, 0], [0.9, 0, 0, 0]])
    target = np.array([[1, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0]])
    assert dice(prediction, target).tolist() == [0.5, 1.0, 0.0]
    assert dice(prediction, target, empty=0.0)[1] == 0.0


def test_dice_refuses_different_shapes() -> None:
    with pytest.raises(ValueError, match="expected the same"):
        dice(np.zeros((1, 4)), np.zeros((1, 5)))


def test_hausdorff_of_shifted_cubes_is_the_shift_in_mm() -> None:
    a = np.zeros((1, 20, 20, 20))
    a[0, 5:10, 5:10, 5:10] = 1
    b = np.roll(a, 3, axis=1)
    assert hausdorff95(a, b, spacing=(2.0, 1.0, 1.0)).tolist() == [6.0]


def test_hausdorff_of_empty_masks() -> None:
    empty, full = np.zeros((1, 4, 4, 4)), np.ones((1, 4, 4, 4))
    assert hausdorff95(empty, empty, spacing=(1, 1, 1)).tolist() == [0.0]
    assert hausdorff95(empty, full, spacing=(1, 1, 1)).tolist() == [math.inf]
