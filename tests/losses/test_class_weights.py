"""Balanced class weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gliolabel.errors import InputError
from gliolabel.losses import balanced_class_weights


def test_by_hand_over_masks_of_different_sizes() -> None:
    # 10 pixels, 2 of them tumour: 10 / 16 and 10 / 4.
    masks = [np.array([[1, 0], [0, 0]]), np.array([[0, 0, 0, 0, 0, 1]])]
    assert balanced_class_weights(masks) == (0.625, 2.5)
    assert balanced_class_weights(torch.tensor(m, dtype=torch.uint8) for m in masks) == (0.625, 2.5)


def test_equal_shares_weigh_1() -> None:
    assert balanced_class_weights(np.array([[1, 0], [0, 1]])) == (1.0, 1.0)


@pytest.mark.parametrize("masks", [[], [np.zeros((3, 3))], [np.ones((3, 3))]], ids=["none", "no tumour", "all tumour"])
def test_a_missing_class_has_no_weight(masks: list[np.ndarray]) -> None:
    with pytest.raises(InputError, match="pixels of both classes"):
        balanced_class_weights(masks)
