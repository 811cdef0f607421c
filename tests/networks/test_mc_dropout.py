"""Monte-Carlo dropout: nothing but dropout may be switched on, and nothing but dropout makes two runs differ."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gliolabel.networks import ResNet50UNet, ResUNet2D, SegmentationNetwork, UNet, VGG16UNet

DROPOUT = (nn.Dropout, nn.Dropout2d, nn.Dropout3d)
NETWORKS = {
    "resunet2d": lambda: ResUNet2D(3, 1, dropout=0.1),
    "unet": lambda: UNet(2, 3, 1, (4, 8, 16), norm="batch", dropout=0.3),
    "unet bottleneck": lambda: UNet(2, 3, 1, (4, 8, 16), norm="batch", dropout=0.3, dropout_place="bottleneck"),
    "unet elements": lambda: UNet(2, 3, 1, (4, 8, 16), norm="batch", dropout=0.3, dropout_of="elements"),
    "vgg16": lambda: VGG16UNet(dropout=0.3),
    "resnet50": lambda: ResNet50UNet(dropout=0.3),
}


@pytest.fixture(params=NETWORKS)
def network(request: pytest.FixtureRequest) -> SegmentationNetwork:
    torch.manual_seed(0)
    made: SegmentationNetwork = NETWORKS[request.param]().eval()
    return made


def test_only_dropout_makes_passes_differ(network: SegmentationNetwork) -> None:
    x = torch.randn(2, 3, 64, 64)
    statistics = {name: b.clone() for name, b in network.named_buffers()}
    with torch.inference_mode():
        assert torch.equal(network(x), network(x))
        for module in network.modules():
            if isinstance(module, DROPOUT):
                module.train()
        first, second = network(x), network(x)
    assert not torch.equal(first, second)
    assert all(torch.equal(b, statistics[name]) for name, b in network.named_buffers())  # batch norm took no notice


def test_the_stem_holds_no_dropout(network: SegmentationNetwork) -> None:
    for module in network.modules():
        if isinstance(module, DROPOUT):
            module.train()
    x = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        assert all(torch.equal(a, b) for a, b in zip(network.stem(x), network.stem(x), strict=True))
        assert not torch.equal(network.finish(network.stem(x)), network.finish(network.stem(x)))


def test_report_003s_dropout_is_of_whole_channels_and_not_in_the_output() -> None:
    network = ResUNet2D(dropout=0.1)
    active = {name: type(m) for name, m in network.named_modules() if isinstance(m, DROPOUT) and m.p}
    assert set(active.values()) == {nn.Dropout2d}
    assert len(active) == 14 + 2 * 4  # the encoder's blocks; in each decoder level after the LayerNorm and after the block
    assert not any(name.startswith("output") for name in active)
