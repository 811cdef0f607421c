"""The recipes' scores of a batch: by hand, and against the metrics of one image."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from monai.metrics import DiceMetric
from monai.networks.utils import one_hot
from torch import Tensor

from gliolabel.metrics import build_score, dice, mean_iou, pixel_accuracy, soft_dice
from gliolabel.recipes.schema import ScoreSection

Kind = Literal["hard_dice", "soft_dice", "mean_iou", "pixel_accuracy"]

# Two samples of one channel. At 0.3: the first has 3 voxels, 2 of them true of 2; the second 1, not true, of 1.
PROBABILITIES = torch.tensor([[[0.9, 0.4, 0.35, 0.1]], [[0.2, 0.6, 0.0, 0.0]]], dtype=torch.float64)
TARGET = torch.tensor([[1, 1, 0, 0], [1, 0, 0, 0]], dtype=torch.uint8)


def score(kind: Kind, *, background: bool = False, batch: bool = False, smooth: float = 0.0, threshold: float = 0.3) -> list[float]:
    section = ScoreSection(kind=kind, background=background, batch=batch, smooth=smooth)
    return list(build_score(section, threshold=threshold)(PROBABILITIES, TARGET).tolist())


def test_hard_dice_by_hand() -> None:
    assert score("hard_dice") == pytest.approx([4 / 5, 0.0])
    assert score("hard_dice", threshold=0.5) == pytest.approx([2 / 3, 0.0])
    assert score("hard_dice", batch=True) == pytest.approx([4 / 7])
    # What is not tumour: 1 shared of 1 + 2, and 2 shared of 3 + 3.
    assert score("hard_dice", background=True) == pytest.approx([(4 / 5 + 2 / 3) / 2, (0 + 4 / 6) / 2])


def test_soft_dice_by_hand() -> None:
    assert score("soft_dice") == pytest.approx([2.6 / 3.75, 0.4 / 1.8])
    assert score("soft_dice", batch=True, smooth=100) == pytest.approx([(3.0 + 100) / (5.55 + 100)])
    # What is not tumour: .65 + .9 of 2.25 + 2, and .4 + 1 + 1 of 3.2 + 3.
    background = [(2.6 / 3.75 + 3.1 / 4.25) / 2, (0.4 / 1.8 + 4.8 / 6.2) / 2]
    assert score("soft_dice", background=True) == pytest.approx(background)


def test_mean_iou_by_hand() -> None:
    assert score("mean_iou") == pytest.approx([2 / 3, 0.0])
    assert score("mean_iou", background=True) == pytest.approx([(2 / 3 + 1 / 2) / 2, (0 + 2 / 4) / 2])
    assert score("mean_iou", batch=True) == pytest.approx([2 / 5])


def test_pixel_accuracy_by_hand() -> None:
    assert score("pixel_accuracy", background=True) == pytest.approx([3 / 4, 2 / 4])
    assert score("pixel_accuracy", background=True, batch=True) == pytest.approx([5 / 8])
    assert score("pixel_accuracy") == pytest.approx([2 / 2, 0 / 1])


@pytest.mark.parametrize("kind", get_args(Kind))
@pytest.mark.parametrize("background", [True, False])
@pytest.mark.parametrize("batch", [True, False])
def test_empty_against_empty_is_1(kind: Kind, background: bool, batch: bool) -> None:
    section = ScoreSection(kind=kind, background=background, batch=batch)
    nothing = torch.zeros(2, 4, 5, dtype=torch.uint8)
    for probabilities in (torch.zeros(2, 1, 4, 5), torch.tensor([1.0, 0, 0, 0])[None, :, None, None].expand(2, 4, 4, 5)):
        values = build_score(section, threshold=0.5)(probabilities, nothing)
        assert values.tolist() == [1.0] * (1 if batch else 2)
        assert values.dtype == torch.float64


@pytest.mark.parametrize("kind", get_args(Kind))
def test_all_tumour_and_a_batch_of_one(kind: Kind) -> None:
    full = torch.ones(1, 1, 3, 3)
    for batch in (True, False):
        built = build_score(ScoreSection(kind=kind, batch=batch), threshold=0.5)
        assert built(full, full[:, 0].to(torch.uint8)).tolist() == [1.0]
        assert built(1 - full, full[:, 0].to(torch.uint8)).tolist() == [0.0]


@given(st.integers(0, 2**32 - 1), st.booleans())
def test_each_sample_has_the_metric_of_its_image(seed: int, background: bool) -> None:
    probabilities, target = _random(seed)
    first = 0 if background else 1
    found: dict[str, Tensor] = {
        kind: build_score(ScoreSection(kind=kind, background=background), threshold=0.5)(probabilities, target) for kind in get_args(Kind)
    }
    for i, (p, t) in enumerate(zip(probabilities.numpy(), target.numpy(), strict=True)):
        truth, hard = np.arange(4)[:, None, None] == t, np.arange(4)[:, None, None] == p.argmax(axis=0)
        assert found["hard_dice"][i].item() == pytest.approx(dice(hard, truth)[first:].mean(), abs=1e-12)
        assert found["soft_dice"][i].item() == pytest.approx(soft_dice(p, truth)[first:].mean(), abs=1e-6)
        assert found["mean_iou"][i].item() == pytest.approx(mean_iou(p, t, background=background), abs=1e-12)
        assert found["pixel_accuracy"][i].item() == pytest.approx(pixel_accuracy(p, t, background=background), abs=1e-12)


@given(st.integers(0, 2**32 - 1), st.sampled_from(get_args(Kind)), st.booleans())
def test_a_batch_is_one_large_image(seed: int, kind: Kind, background: bool) -> None:
    probabilities, target = _random(seed)
    together = build_score(ScoreSection(kind=kind, background=background, batch=True, smooth=1.0), threshold=0.5)
    large = build_score(ScoreSection(kind=kind, background=background, smooth=1.0), threshold=0.5)
    side_by_side = torch.cat(list(probabilities), dim=-1)[None], torch.cat(list(target), dim=-1)[None]
    assert together(probabilities, target).tolist() == pytest.approx(large(*side_by_side).tolist(), abs=1e-9)


def test_hard_dice_is_monais() -> None:
    probabilities, target = _random(7)
    hard = one_hot(probabilities.argmax(1, keepdim=True), 4)
    truth = one_hot(target[:, None], 4)
    for background in (True, False):
        monai = DiceMetric(include_background=background, ignore_empty=False)(hard, truth).mean(dim=1)
        ours = build_score(ScoreSection(background=background), threshold=0.5)(probabilities, target)
        assert ours.tolist() == pytest.approx(monai.tolist(), abs=1e-6)


@pytest.mark.parametrize("kind", get_args(Kind))
def test_refuses_what_does_not_fit(kind: Kind) -> None:
    built = build_score(ScoreSection(kind=kind), threshold=0.5)
    with pytest.raises(ValueError, match="expected"):
        built(torch.rand(2, 1, 4, 4), torch.zeros(2, 4, 5, dtype=torch.uint8))
    with pytest.raises(ValueError, match="classes from 0 to 3"):
        built(torch.rand(2, 4, 4, 4), torch.full((2, 4, 4), 4, dtype=torch.uint8))


def _random(seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    probabilities = (2 * torch.randn(3, 4, 3, 4, generator=generator)).softmax(1)
    return probabilities, torch.randint(0, 4, (3, 3, 4), generator=generator, dtype=torch.uint8)
