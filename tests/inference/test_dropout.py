"""What a Monte-Carlo pass drops."""

from __future__ import annotations

import torch

from gliolabel.inference.dropout import begin_pass, sampling_copy
from gliolabel.networks import UNet


def sampler(of: str) -> UNet:
    torch.manual_seed(0)
    network = sampling_copy(UNet(2, 1, 1, (8, 16), dropout=0.5, dropout_of=of).eval())  # type: ignore[arg-type]
    assert isinstance(network, UNet)
    return network


def test_channels_are_dropped_alike_for_every_slice_of_a_pass() -> None:
    network, x = sampler("channels"), torch.rand(1, 1, 8, 8).expand(2, 1, 8, 8)
    begin_pass(network, seed=1, index=0)
    first, second = network(x)
    assert torch.equal(first, second)


def test_elements_are_dropped_anew_for_every_slice_and_the_same_again_for_the_same_pass() -> None:
    network, x = sampler("elements"), torch.rand(1, 1, 8, 8).expand(2, 1, 8, 8)
    begin_pass(network, seed=1, index=0)
    first, second = network(x)
    assert not torch.equal(first, second)
    begin_pass(network, seed=1, index=0)
    assert torch.equal(network(x)[0], first)
    begin_pass(network, seed=1, index=1)
    assert not torch.equal(network(x)[0], first)
