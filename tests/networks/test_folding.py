"""A folded network is the same function."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gliolabel.networks import ResUNet2D, SegmentationNetwork, UNet
from gliolabel.networks.folding import fold_batch_norms


def lived_in(network: nn.Module) -> nn.Module:
    """Statistics and scales as after a training, in double precision."""
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
            for tensor in (module.running_mean, module.weight.data, module.bias.data):
                assert tensor is not None
                tensor.uniform_(-1, 1)
            assert module.running_var is not None
            module.running_var.uniform_(0.5, 2)
    return network.double().eval()


@pytest.mark.parametrize(
    ("network", "shape", "left"),
    [
        (ResUNet2D(), (1, 4, 64, 64), 0),
        (UNet(2, 3, 1, (4, 8), norm="batch"), (2, 3, 8, 8), 0),
        (UNet(3, 4, 4, (4, 8), norm="batch", dropout=0.1), (1, 4, 8, 8, 8), 0),
    ],
)
def test_the_same_numbers_without_batch_norms(network: SegmentationNetwork, shape: tuple[int, ...], left: int) -> None:
    lived_in(network)
    x = torch.randn(shape, dtype=torch.float64)
    with torch.no_grad():
        before = network(x)
        after = fold_batch_norms(network)(x)
    assert before.abs().max() > 0.01
    assert torch.allclose(after, before, rtol=1e-9, atol=1e-9)
    assert sum(isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d) for module in network.modules()) == left


def test_a_network_in_training_is_refused() -> None:
    with pytest.raises(ValueError, match="training mode"):
        fold_batch_norms(ResUNet2D().train())
