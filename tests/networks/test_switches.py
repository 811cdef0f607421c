"""The U-Net's switches: what each does, compared with the same network written out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import gliolabel
from gliolabel.networks import UNet
from gliolabel.networks.blocks import NearestConvolution
from gliolabel.recipes import ModelVersion

WEIGHTS = Path(gliolabel.__file__).parent / "weights"


def written_out(w: dict[str, Tensor], x: Tensor, *, levels: int) -> Tensor:
    """The product's 3-D U-Net (batch norm, ReLU, transposed convolutions) from its weights, in PyTorch's functions alone."""

    def two(x: Tensor, name: str) -> Tensor:
        for i in (1, 2):
            x = F.conv3d(x, w[f"{name}.conv{i}.weight"], w[f"{name}.conv{i}.bias"], padding=1)
            mean, variance, scale, shift = (w[f"{name}.norm{i}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
            x = F.relu(F.batch_norm(x, mean, variance, scale, shift))
        return x

    skips = []
    for i in range(levels):
        x = two(x if i == 0 else F.max_pool3d(x, 2), f"down.{i}")
        skips.append(x)
    for i in range(levels - 1):
        up = F.conv_transpose3d(x, w[f"up.{i}.weight"], w[f"up.{i}.bias"], stride=2)
        x = two(torch.cat([skips[-2 - i], up], dim=1), f"join.{i}")
    return F.conv3d(x, w["output.weight"], w["output.bias"])


def test_the_starter_weights_still_mean_the_same_network() -> None:
    network = ModelVersion.load(WEIGHTS / "unet3d.safetensors").build()
    torch.manual_seed(0)
    x = torch.randn(1, 4, 32, 32, 32)
    with torch.inference_mode():
        expected = written_out(network.state_dict(), x, levels=5)
        torch.testing.assert_close(network(x), expected, atol=1e-4, rtol=1e-4)
    assert expected.std() > 0.1  # a network that has learnt something, not zeros


def test_the_2d_starter_weights_load() -> None:
    network = ModelVersion.load(WEIGHTS / "resunet2d.safetensors").build()
    with torch.inference_mode():
        logits = network(torch.randn(2, 4, 64, 96))
    assert logits.shape == (2, 4, 64, 96)
    assert bool(torch.isfinite(logits).all())


def dropouts(network: nn.Module) -> dict[str, float]:
    return {name: m.p for name, m in network.named_modules() if isinstance(m, nn.Dropout | nn.Dropout2d | nn.Dropout3d)}


def test_dropout_between_lies_in_every_level_and_is_mirrored() -> None:
    network = UNet(2, 1, 1, (2, 4, 8), dropout=(0.1, 0.2, 0.3))
    assert dropouts(network) == {
        "down.0.dropout": 0.1,
        "down.1.dropout": 0.2,
        "down.2.dropout": 0.3,
        "join.0.dropout": 0.2,
        "join.1.dropout": 0.1,
    }
    assert all(isinstance(network.get_submodule(name), nn.Dropout2d) for name in dropouts(network))


def test_dropout_at_the_bottleneck_is_one() -> None:
    network = UNet(2, 1, 1, (2, 4, 8), dropout=[0.2], dropout_place="bottleneck", dropout_of="elements")
    assert dropouts(network) == {"bottleneck_dropout": 0.2}
    assert type(network.bottleneck_dropout) is nn.Dropout


def test_elements_are_dropped_one_by_one_and_channels_whole() -> None:
    torch.manual_seed(0)
    ones = torch.ones(1, 64, 8, 8)
    for of, whole in (("elements", False), ("channels", True)):
        layer = UNet(2, 1, 1, (2, 64), dropout=0.5, dropout_of=of).down[1].dropout.train()
        dropped = (layer(ones) == 0).flatten(2).float().mean(dim=2)
        assert bool(((dropped == 0) | (dropped == 1)).all()) is whole
        assert 0.3 < dropped.mean() < 0.7


@pytest.mark.parametrize(("dropout", "place"), [((0.1, 0.2), "bottleneck"), ((0.1, 0.2), "between")])
def test_a_wrong_number_of_rates_is_refused(dropout: tuple[float, ...], place: str) -> None:
    with pytest.raises(ValueError, match="dropout has 2 numbers"):
        UNet(2, 1, 1, (2, 4, 8), dropout=dropout, dropout_place=place)


def test_nearest_and_convolution_pads_at_the_end_as_keras_does() -> None:
    up = NearestConvolution(2, 1, 1, activation="relu")
    with torch.no_grad():
        up.conv.weight.copy_(torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]))
        up.conv.bias.fill_(-5.0)
    # [[1, 1], [1, 1]] from one pixel; the window of each pixel reaches right and down, where zeros are.
    assert up(torch.ones(1, 1, 1, 1)).tolist() == [[[[5.0, 0.0], [0.0, 0.0]]]]
    with torch.no_grad():
        up.conv.bias.zero_()
    assert up(torch.ones(1, 1, 1, 1)).tolist() == [[[[10.0, 4.0], [3.0, 1.0]]]]


def test_prelu_learns_one_slope_per_channel() -> None:
    network = UNet(2, 1, 1, (2, 4), activation="prelu", up="nearest_conv")
    slopes = {name: m.num_parameters for name, m in network.named_modules() if isinstance(m, nn.PReLU)}
    assert slopes == {
        "down.0.act1": 2,
        "down.0.act2": 2,
        "down.1.act1": 4,
        "down.1.act2": 4,
        "up.0.act": 2,
        "join.0.act1": 2,
        "join.0.act2": 2,
    }
    assert not any(isinstance(m, nn.ReLU) for m in network.modules())


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("up", ["transposed", "nearest_conv"])
@pytest.mark.parametrize("norm", [None, "batch", "instance"])
@pytest.mark.parametrize("activation", ["relu", "prelu"])
def test_every_switch_keeps_the_size(dims: int, up: str, norm: str | None, activation: str) -> None:
    network = UNet(dims, 3, 2, (2, 4, 8), norm=norm, up=up, activation=activation, dropout=0.1)
    shape = (1, 3, *[8, 12, 16][:dims])
    out = network(torch.randn(shape))
    assert out.shape == (1, 2, *shape[2:])
    out.square().mean().backward()
    assert all(p.grad is not None for p in network.parameters())
    kind = {None: nn.Identity, "batch": (nn.BatchNorm2d, nn.BatchNorm3d)[dims - 2]}.get(norm)
    if kind is not None:
        assert all(type(m) is kind for name, m in network.named_modules() if name.rpartition(".")[2].startswith("norm"))


STEMS = [
    {"dropout": 0.0},
    {"dropout": (0.0, 0.0, 0.2)},
    {"dropout": 0.3, "dropout_of": "elements"},
    {"dropout": (0.0, 0.3, 0.0)},
    {"dropout": 0.3, "dropout_place": "bottleneck"},
]


@pytest.mark.parametrize("switches", STEMS)
def test_stem_and_finish_are_the_network(switches: dict[str, object]) -> None:
    torch.manual_seed(0)
    network = UNet(2, 2, 3, (4, 8, 16), **switches).train()
    x = torch.randn(2, 2, 16, 16)
    stem = network.stem(x)
    kept = [part.clone() for part in stem]
    torch.manual_seed(1)
    split = network.finish(stem)
    torch.manual_seed(1)
    assert torch.equal(split, network(x))
    assert all(torch.equal(a, b) for a, b in zip(stem, kept, strict=True))  # a pass may not change what the next one needs
    assert torch.equal(network.finish(stem), split) is (not dropouts(network))
