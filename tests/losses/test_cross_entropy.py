"""Cross-entropies of probabilities, by hand."""

from __future__ import annotations

from math import log

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from gliolabel.losses import cross_entropy, weighted_bce


def image(*values: float) -> Tensor:
    """(1, 1, 1, n), float64."""
    return torch.tensor(values, dtype=torch.float64)[None, None, None]


def test_weighted_bce_by_hand() -> None:
    prediction, target = image(0.9, 0.2, 0.6, 0.5), image(1, 0, 0, 1)
    costs = [-log(0.9), -log(0.8), -log(0.4), -log(0.5)]
    assert weighted_bce(prediction, target).item() == pytest.approx(sum(costs) / 4, abs=1e-12)
    weighted = weighted_bce(prediction, target, weight=image(1, 2, 3, 10.5)).item()
    # The mean over four pixels, not over the weights' sum.
    assert weighted == pytest.approx((costs[0] + 2 * costs[1] + 3 * costs[2] + 10.5 * costs[3]) / 4, abs=1e-12)


def test_a_weight_without_channels_belongs_to_the_samples() -> None:
    prediction = torch.full((2, 1, 2, 2), 0.5, dtype=torch.float64)
    weight = torch.tensor([1.0, 3.0])[:, None, None].expand(2, 2, 2)
    assert weighted_bce(prediction, torch.zeros(2, 2, 2), weight=weight).item() == pytest.approx(2 * log(2), abs=1e-12)


def test_a_weight_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="weight has shape"):
        weighted_bce(torch.rand(2, 1, 4, 4), torch.zeros(2, 4, 4), weight=torch.ones(3, 4, 4))


def test_probabilities_of_exactly_0_and_1() -> None:
    # Right: nothing. Wrong: 100, as torch's own loss of PyTorch users such as report 000.
    assert weighted_bce(image(0.0, 1.0), image(0, 1)).item() == 0.0
    assert weighted_bce(image(0.0, 1.0), image(1, 0)).item() == 100.0


def test_cross_entropy_by_hand() -> None:
    # (1 sample, 3 classes, 2 voxels): the true class's probability is 0.7, then 0.1.
    prediction = torch.tensor([[[0.7, 0.4], [0.2, 0.5], [0.1, 0.1]]], dtype=torch.float64)
    assert cross_entropy(prediction, torch.tensor([[0, 2]])).item() == pytest.approx(-(log(0.7) + log(0.1)) / 2, abs=1e-12)
    weighted = cross_entropy(prediction, torch.tensor([[0, 2]]), weight=torch.tensor([[3.0, 1.0]])).item()
    assert weighted == pytest.approx(-(3 * log(0.7) + log(0.1)) / 2, abs=1e-12)


def test_cross_entropy_of_a_certain_error_is_100_with_a_finite_gradient() -> None:
    prediction = torch.tensor([[[1.0], [0.0]]], dtype=torch.float64, requires_grad=True)
    loss = cross_entropy(prediction, torch.tensor([[1]]))
    loss.backward()
    assert loss.item() == 100.0
    assert prediction.grad is not None
    assert bool(prediction.grad.isfinite().all())


def test_cross_entropy_is_torchs() -> None:
    logits = torch.randn(2, 4, 3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    target = torch.randint(0, 4, (2, 3, 5), generator=torch.Generator().manual_seed(1))
    assert cross_entropy(logits.softmax(1), target).item() == pytest.approx(F.cross_entropy(logits, target).item(), abs=1e-12)


def test_gradients() -> None:
    generator = torch.Generator().manual_seed(0)
    prediction = (0.1 + 0.8 * torch.rand(2, 1, 2, 3, dtype=torch.float64, generator=generator)).requires_grad_()
    target = torch.rand(2, 1, 2, 3, generator=generator) > 0.5
    weight = 1 + torch.rand(2, 2, 3, dtype=torch.float64, generator=generator)
    assert torch.autograd.gradcheck(lambda p: weighted_bce(p, target, weight=weight), prediction)
    classes = torch.tensor([[0, 1], [2, 1]])
    several = (0.1 + 0.8 * torch.rand(2, 3, 2, dtype=torch.float64, generator=generator)).requires_grad_()
    assert torch.autograd.gradcheck(lambda p: cross_entropy(p, classes), several)


def test_precision_is_kept_and_half_is_raised() -> None:
    target = torch.zeros(1, 1, 4)
    for given, expected in ((torch.float64, torch.float64), (torch.float32, torch.float32), (torch.bfloat16, torch.float32)):
        assert weighted_bce(torch.full((1, 1, 4), 0.5, dtype=given), target).dtype == expected


@pytest.mark.parametrize(
    ("target", "said"),
    [(torch.zeros(2, 3), "target has shape"), (torch.tensor([[0, 4]]), "integers from 0 to 2"), (torch.tensor([[0.0, 1.0]]), "integers")],
)
def test_targets_that_do_not_fit_are_refused(target: Tensor, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        cross_entropy(torch.rand(1, 3, 2), target)
