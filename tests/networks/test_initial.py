"""How networks start: the distributions of their first weights."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from gliolabel.networks import ResNet50UNet, ResUNet2D, UNet, VGG16UNet
from gliolabel.networks.initial import he_normal_


def convolutions(network: nn.Module) -> list[nn.Module]:
    return [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Conv3d | nn.ConvTranspose2d | nn.ConvTranspose3d)]


def fans(module: nn.Module) -> tuple[int, int]:
    """(in, out) as Keras counts them; a transposed kernel's are those of the convolution it transposes."""
    outputs, inputs, *size = module.weight.shape
    return inputs * math.prod(size), outputs * math.prod(size)


@pytest.mark.parametrize("dims", [2, 3])
def test_he_normal(dims: int) -> None:
    torch.manual_seed(0)
    for module in convolutions(UNet(dims, 3, 4, (16, 32, 64), initial="he_normal")):
        std = math.sqrt(2 / fans(module)[0])
        cut = 2 * std / 0.87962566
        assert module.weight.abs().max() <= cut * 1.000001
        assert bool((module.bias == 0).all())
        if module.weight.numel() > 2000:
            assert module.weight.std().item() == pytest.approx(std, rel=0.06)
            assert abs(module.weight.mean().item()) < 0.1 * std
            assert module.weight.abs().max() > 0.9 * cut  # a normal, not something narrower


def test_he_normal_has_the_standard_deviation_it_says() -> None:
    torch.manual_seed(0)
    weight = he_normal_(torch.empty(1_000_000), fan_in=50)
    assert weight.std().item() == pytest.approx(0.2, rel=0.005)
    # The share of a cut-off normal within 0.72 of the uncut one's standard deviations; a uniform distribution would have 0.36.
    within = (weight.abs() < 0.72 * 0.2 / 0.87962566).float().mean().item()
    assert within == pytest.approx(math.erf(0.72 / math.sqrt(2)) / math.erf(2 / math.sqrt(2)), abs=0.003)


@pytest.mark.parametrize("make", [lambda: UNet(2, 3, 1, (16, 32, 64), initial="glorot_uniform"), lambda: ResUNet2D()])
def test_glorot_uniform(make: object) -> None:
    torch.manual_seed(0)
    for module in convolutions(make()):
        limit = math.sqrt(6 / sum(fans(module)))
        assert module.weight.abs().max() <= limit * 1.000001
        assert module.bias is None or bool((module.bias == 0).all())
        if module.weight.numel() > 2000:
            assert module.weight.std().item() == pytest.approx(limit / math.sqrt(3), rel=0.05)
            assert module.weight.abs().max() > 0.95 * limit


def test_torch_leaves_pytorchs_own() -> None:
    torch.manual_seed(0)
    module = UNet(2, 3, 1, (16, 32), initial="torch").down[1].conv1
    limit = 1 / math.sqrt(fans(module)[0])
    assert limit * 0.95 < module.weight.abs().max() <= limit
    assert bool((module.bias != 0).any())


@pytest.mark.parametrize("make", [VGG16UNet, ResNet50UNet])
def test_encoders_start_with_what_is_asked_for(make: type[VGG16UNet] | type[ResNet50UNet]) -> None:
    torch.manual_seed(0)
    for module in convolutions(make(initial="he_normal"))[:5]:
        assert module.weight.std().item() == pytest.approx(math.sqrt(2 / fans(module)[0]), rel=0.06)
