"""Mean IoU and pixel accuracy, by hand and against MONAI; and the readings of report 002 that are neither."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from monai.metrics import compute_iou, get_confusion_matrix
from monai.metrics.confusion_matrix import compute_confusion_matrix_metric

from gliolabel.metrics import class_accuracy, dice, mean_iou, pixel_accuracy, printed_mean_iou, truncated_mean_iou

# Class: true positives, false positives, false negatives: 0: 3, 1, 1; 1: 1, 2, 1; 2: 1, 0, 1.
TARGET = np.array([0, 0, 0, 1, 1, 2, 2, 0])
PREDICTED = np.array([0, 0, 1, 1, 0, 2, 1, 0])


def one_hot(classes: np.ndarray, number: int = 3) -> np.ndarray:
    return (np.arange(number).reshape(-1, *[1] * classes.ndim) == classes).astype(np.float64)


def probabilities(classes: np.ndarray, number: int = 3) -> np.ndarray:
    """0.4 for the class and less for each other."""
    return 0.1 + 0.3 * one_hot(classes, number)


def test_mean_iou_by_hand() -> None:
    assert mean_iou(probabilities(PREDICTED), TARGET) == pytest.approx((3 / 5 + 1 / 4 + 1 / 2) / 3, abs=1e-12)
    assert mean_iou(probabilities(PREDICTED), TARGET, background=False) == pytest.approx((1 / 4 + 1 / 2) / 2, abs=1e-12)


def test_pixel_accuracy_by_hand() -> None:
    assert pixel_accuracy(probabilities(PREDICTED), TARGET) == 5 / 8
    # Four voxels are tumour, two of them have the right class.
    assert pixel_accuracy(probabilities(PREDICTED), TARGET, background=False) == 2 / 4
    assert class_accuracy(probabilities(PREDICTED), TARGET).tolist() == [6 / 8, 5 / 8, 7 / 8]


def test_one_channel_by_hand() -> None:
    prediction, target = np.array([[0.9, 0.4, 0.35, 0.1, 0.2]]), np.array([[1, 1, 0, 0, 0]])
    # At 0.3 the voxels 0, 1, 2 are predicted, at 0.5 voxel 0 alone.
    assert mean_iou(prediction, target, threshold=0.3) == pytest.approx(2 / 3)
    assert mean_iou(prediction, target) == pytest.approx(1 / 2)
    assert mean_iou(prediction, target, threshold=0.3, background=True) == pytest.approx((2 / 3 + 2 / 3) / 2)
    assert mean_iou(prediction, target, background=True) == pytest.approx((1 / 2 + 3 / 4) / 2)
    assert pixel_accuracy(prediction, target, threshold=0.3) == 4 / 5
    assert pixel_accuracy(prediction, target, background=False) == 1 / 2
    assert class_accuracy(prediction, target).tolist() == [4 / 5, 4 / 5]
    assert mean_iou(prediction, target[0]) == mean_iou(torch.tensor(prediction), torch.tensor(target)) == 1 / 2


def test_a_probability_at_the_threshold_is_not_above_it() -> None:
    assert pixel_accuracy([[0.3, 0.5]], [[0, 1]], threshold=0.3) == 1.0


def test_empty_against_empty() -> None:
    empty, some = np.zeros((1, 4)), np.array([[0.0, 0.0, 0.0, 1.0]])
    assert mean_iou(empty, empty) == 1.0
    assert mean_iou(empty, empty, empty=0.0) == 0.0
    assert mean_iou(empty, some) == mean_iou(some, empty) == 0.0
    assert pixel_accuracy(empty, empty, background=False) == 1.0
    assert pixel_accuracy(some, empty, background=False) == 0.0
    assert pixel_accuracy(empty, some, background=False) == 0.0
    # All tumour: there is no background to be wrong about.
    assert mean_iou(np.ones((1, 4)), np.ones((1, 4)), background=True) == 1.0
    # Class 2 is in neither mask.
    assert mean_iou(probabilities(np.array([0, 1, 1])), np.array([0, 0, 1])) == pytest.approx((1 / 2 + 1 / 2 + 1) / 3)


@given(st.integers(0, 2**32 - 1))
def test_they_are_monais(seed: int) -> None:
    random = np.random.default_rng(seed)
    target, predicted = random.integers(0, 4, size=(2, 3, 5, 2))
    pair = [torch.tensor(one_hot(classes, 4))[None] for classes in (predicted, target)]
    for background in (True, False):
        monai = compute_iou(*pair, include_background=background, ignore_empty=False).mean().item()
        assert mean_iou(probabilities(predicted, 4), target, background=background) == pytest.approx(monai, abs=1e-12)
    accuracy = compute_confusion_matrix_metric("accuracy", get_confusion_matrix(*pair))[0]
    assert class_accuracy(probabilities(predicted, 4), target) == pytest.approx(accuracy.numpy(), abs=1e-6)


@given(st.integers(0, 2**32 - 1))
def test_iou_is_never_above_dice_and_one_hot_is_the_same_target(seed: int) -> None:
    random = np.random.default_rng(seed)
    target, predicted = random.integers(0, 3, size=(2, 12))
    overlap = dice(one_hot(predicted), one_hot(target))
    for background in (True, False):
        iou = mean_iou(probabilities(predicted), target, background=background)
        assert iou <= overlap[0 if background else 1 :].mean() + 1e-12
        assert iou == mean_iou(probabilities(predicted), one_hot(target), background=background)
    assert mean_iou(one_hot(target), target) == pixel_accuracy(one_hot(target), target) == 1.0


def test_printed_mean_iou_by_hand() -> None:
    # 5 voxels right, 3 wrong: 3 false positives and 3 false negatives.
    assert printed_mean_iou(probabilities(PREDICTED), TARGET) == pytest.approx(5 / 11 / 3, abs=1e-12)
    assert printed_mean_iou(one_hot(TARGET), TARGET) == pytest.approx(1 / 3)


def test_truncated_mean_iou_by_hand() -> None:
    # Truncated: ((1, 0), (0, 0)). Zeros: 2 shared of 3; ones: 1 shared of 2.
    prediction, target = np.array([[1.0, 0.4], [0.0, 0.6]]), np.array([[1, 0], [0, 1]])
    assert truncated_mean_iou(prediction, target) == pytest.approx((2 / 3 + 1 / 2) / 2, abs=1e-12)


def test_the_truncated_reading_beats_dice_which_no_iou_can() -> None:
    # 990 of 1000 voxels are background, and everything is called background, with certainty.
    target = np.repeat([0, 1, 2, 3], [990, 4, 3, 3])
    prediction = one_hot(np.zeros(1000, dtype=int), 4)
    assert mean_iou(prediction, target) == pytest.approx(0.99 / 4)
    assert dice(prediction, one_hot(target, 4)).mean() == pytest.approx(1980 / 1990 / 4)
    assert truncated_mean_iou(prediction, one_hot(target, 4)) == pytest.approx((2990 / 3010 + 990 / 1010) / 2)


@pytest.mark.parametrize(
    ("prediction", "target", "said"),
    [
        (np.zeros(4), np.zeros(4), "expected \\(channels"),
        (np.zeros((3, 4)), np.zeros(5), "target has shape \\(5,\\)"),
        (np.zeros((3, 4)), np.array([0, 1, 2, 3]), "classes from 0 to 2"),
        (np.zeros((1, 4)), np.array([0, 0, 0, 255]), "classes from 0 to 1"),
        (np.zeros((3, 4)), np.zeros((3, 4)), "not one-hot"),
    ],
)
def test_refusals(prediction: np.ndarray, target: np.ndarray, said: str) -> None:
    for metric in (mean_iou, pixel_accuracy):
        with pytest.raises(ValueError, match=said):
            metric(prediction, target)
