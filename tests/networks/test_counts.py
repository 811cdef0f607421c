"""The networks are the reports' networks: their parameters, counted."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gliolabel.networks import ResUNet2D, SegmentationNetwork, UNet
from gliolabel.networks.normalisation import InstanceNorm


def trainable(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def static(module: nn.Module) -> int:
    return sum(b.numel() for name, b in module.named_buffers() if not name.endswith("num_batches_tracked"))


def test_resunet2d_has_the_counts_that_report_003s_run_printed() -> None:
    network = ResUNet2D(in_channels=4, out_channels=1)
    assert (trainable(network), static(network)) == (6_854_609, 9_824)


@pytest.mark.parametrize(
    ("level", "trained", "fixed"), [(0, 3_040, 96), (1, 33_088, 320), (2, 205_696, 896), (3, 1_116_416, 2_304), (4, 4_461_056, 4_608)]
)
def test_encoder_levels(level: int, trained: int, fixed: int) -> None:
    block = ResUNet2D().encoder[level]
    assert (trainable(block), static(block)) == (trained, fixed)


@pytest.mark.parametrize(("level", "trained"), [(0, 295_552 + 475_904), (1, 74_048 + 119_168), (2, 18_592 + 29_888), (3, 4_688 + 7_520)])
def test_decoder_levels(level: int, trained: int) -> None:
    assert trainable(ResUNet2D().decoder[level]) == trained


def test_resunet2d_output_has_no_dropout_and_every_other_block_has() -> None:
    network = ResUNet2D(dropout=0.1)
    rates = {name: m.p for name, m in network.named_modules() if isinstance(m, nn.Dropout2d)}
    assert {rate for name, rate in rates.items() if name.startswith("output")} == {0.0}
    assert {rate for name, rate in rates.items() if not name.startswith("output")} == {0.1}
    # One after each of 14 encoder blocks, and two per decoder level: after the LayerNorm and after the block.
    assert sum(not name.startswith("output") for name in rates) == 14 + 2 * 4


def test_four_classes_differ_from_one_in_the_last_convolution_only() -> None:
    assert trainable(ResUNet2D(4, 4)) - trainable(ResUNet2D(4, 1)) == 3 * (16 + 1)


# Reports 000 and 001 by hand: convolutions k^d * in * out + out, transposed 2^d * in * out + out, batch norm 2 * channels.
def by_hand(dims: int, inputs: int, outputs: int, channels: tuple[int, ...], *, norm: bool) -> int:
    def two(a: int, b: int) -> int:
        return 3**dims * a * b + b + 3**dims * b * b + b + (4 * b if norm else 0)

    total = sum(two(a, b) for a, b in zip((inputs, *channels), channels, strict=False))
    for low, high in zip(channels[1:], channels, strict=False):
        total += 2**dims * low * high + high + two(2 * high, high)
    return total + channels[0] * outputs + outputs


@pytest.mark.parametrize(
    ("dims", "inputs", "outputs", "channels", "norm"),
    [
        (2, 3, 1, (64, 128, 256, 512, 1024), "batch"),
        (3, 3, 4, (32, 64, 128, 256, 512), None),
        (2, 2, 4, (32, 64, 128, 256, 512), None),
        (3, 4, 4, (16, 32, 64, 128, 256), "instance"),
    ],
)
def test_unet_counts(dims: int, inputs: int, outputs: int, channels: tuple[int, ...], norm: str | None) -> None:
    network = UNet(dims, inputs, outputs, channels, norm=norm)
    assert trainable(network) == by_hand(dims, inputs, outputs, channels, norm=norm is not None)


def test_report_000s_unet() -> None:
    network = UNet(2, 3, 1, (64, 128, 256, 512, 1024), norm="batch")
    assert (trainable(network), static(network)) == (31_043_521, 11_776)


def test_report_001s_unet() -> None:
    network = UNet(3, 3, 4, (32, 64, 128, 256, 512))
    assert (trainable(network), static(network)) == (22_577_156, 0)


@pytest.mark.parametrize("up", ["nearest_conv", "transposed"])  # a 2-convolution has as many weights either way
def test_report_002s_unet(up: str) -> None:
    network = UNet(2, 2, 4, (32, 64, 128, 256, 512), up=up, dropout=[0.2], dropout_place="bottleneck")
    assert (trainable(network), static(network)) == (7_759_908, 0)


def test_gradients_reach_every_weight() -> None:
    for network, shape in ((ResUNet2D(), (2, 4, 64, 64)), (UNet(3, 4, 4, (4, 8, 16), norm="instance"), (1, 4, 16, 16, 16))):
        network(torch.randn(shape)).square().mean().backward()
        assert all(p.grad is not None for p in network.parameters())


@pytest.mark.parametrize("dims", [1, 4])
def test_wrong_dimensions_are_refused(dims: int) -> None:
    with pytest.raises(ValueError, match=f"spatial_dims is {dims}; expected 2 or 3"):
        UNet(dims, 4, 4, (8, 16))


def test_dropout_of_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="2 numbers for 3 levels"):
        UNet(2, 4, 4, (8, 16, 32), dropout=(0.1, 0.2))


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("batch", [1, 2])
def test_instance_norm_is_pytorchs(dims: int, batch: int) -> None:
    torch.manual_seed(0)
    ours = InstanceNorm(3).double()
    theirs = (torch.nn.InstanceNorm2d, torch.nn.InstanceNorm3d)[dims - 2](3, affine=True).double()
    ours.load_state_dict({name: torch.rand(3, dtype=torch.float64) for name in ("weight", "bias")})
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(batch, 3, *[6] * dims, dtype=torch.float64, requires_grad=True)
    y = x.detach().clone().requires_grad_()
    assert torch.allclose(ours(x), theirs(y), atol=1e-12)
    ours(x).square().sum().backward()
    theirs(y).square().sum().backward()
    assert x.grad is not None
    assert y.grad is not None
    assert torch.allclose(x.grad, y.grad, atol=1e-10)


@pytest.mark.parametrize("network", [ResUNet2D(), UNet(2, 4, 4, (4, 8, 16), dropout=(0.0, 0.1, 0.2)), UNet(2, 4, 4, (4, 8), dropout=0.1)])
def test_the_stem_holds_no_dropout_and_the_rest_finishes_it(network: SegmentationNetwork) -> None:
    network.train()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()
    x = torch.randn(2, 4, 64, 64)
    stem = network.stem(x)
    assert all(torch.equal(a, b) for a, b in zip(stem, network.stem(x), strict=True))
    torch.manual_seed(3)
    whole = network(x)
    torch.manual_seed(3)
    assert torch.equal(network.finish(tuple(s.clone() for s in stem)), whole)
    assert not torch.equal(network.finish(stem), whole)
