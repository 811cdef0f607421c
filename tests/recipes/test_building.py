"""From a network section to a network: each kind takes its own keys and refuses the others'."""

from __future__ import annotations

import pytest
from torch import nn

from gliolabel.errors import InputError
from gliolabel.networks import ResNet50UNet, ResUNet2D, UNet, VGG16UNet
from gliolabel.recipes import build_network
from gliolabel.recipes.network_keys import KEYS, divisor
from gliolabel.recipes.schema import NetworkSection

CLASSES = {"resunet2d": ResUNet2D, "unet": UNet, "vgg16_unet": VGG16UNet, "resnet50_unet": ResNet50UNet}
#: For every key a value that is not its default.
OTHER = {
    "in_channels": 3,
    "out_channels": 1,
    "spatial_dims": 3,
    "channels": (4, 8),
    "norm": "batch",
    "activation": "prelu",
    "dropout": (0.25,),
    "dropout_place": "bottleneck",
    "dropout_of": "elements",
    "up": "nearest_conv",
    "initial": "glorot_uniform",
    "pretrained": True,
    "frozen_blocks": 1,
}


def section(kind: str, **keys: object) -> NetworkSection:
    needed = {"channels": (4, 8)} if kind == "unet" else {}
    return NetworkSection(kind=kind, **({"in_channels": 3} | needed | keys))


@pytest.mark.parametrize("kind", CLASSES)
def test_each_kind_is_its_network(kind: str) -> None:
    network = build_network(section(kind))
    assert type(network) is CLASSES[kind]
    assert network.divisor == divisor(section(kind))


@pytest.mark.parametrize("key", OTHER)
@pytest.mark.parametrize("kind", CLASSES)
def test_keys_that_a_kind_does_not_use_are_refused(kind: str, key: str) -> None:
    assert set(OTHER) == set(NetworkSection.model_fields) - {"kind"}
    if key in KEYS[kind]:
        build_network(section(kind, **{key: OTHER[key]}), pretrained=False)
        return
    with pytest.raises(InputError) as caught:
        build_network(section(kind, **{key: OTHER[key]}))
    text = str(caught.value)
    assert text.startswith(f"network.{key} = {OTHER[key]!r}: kind {kind} does not use this key; it uses in_channels, out_channels, ")
    assert all(used in text for used in KEYS[kind])


def test_defaults_written_out_are_no_use_of_a_key() -> None:
    written = NetworkSection.model_validate(section("resunet2d").model_dump())
    assert isinstance(build_network(written), ResUNet2D)


@pytest.mark.parametrize("kind", ["resunet2d", "vgg16_unet", "resnet50_unet"])
def test_one_rate_is_the_dropout_of_all(kind: str) -> None:
    network = build_network(section(kind, dropout=(0.25,)))
    rates = {m.p for m in network.modules() if isinstance(m, nn.Dropout | nn.Dropout2d)}
    assert 0.25 in rates
    assert rates <= {0.0, 0.25}
    with pytest.raises(InputError, match=r"network\.dropout = \[0\.1, 0\.2\]: kind .* takes one rate"):
        build_network(section(kind, dropout=(0.1, 0.2)))


def test_unet_switches_arrive() -> None:
    network = build_network(section("unet", norm="batch", activation="prelu", up="nearest_conv", dropout=(0.1, 0.2), dropout_of="elements"))
    kinds = {type(m) for m in network.modules()}
    assert {nn.BatchNorm2d, nn.PReLU, nn.Dropout} <= kinds
    assert not {nn.ReLU, nn.ConvTranspose2d, nn.Dropout2d} & kinds
    assert [level.dropout.p for level in network.down] == [0.1, 0.2]


@pytest.mark.parametrize("kind", ["vgg16_unet", "resnet50_unet"])
def test_imagenet_needs_three_channels(kind: str) -> None:
    with pytest.raises(InputError, match=r"ImageNet weights need network\.in_channels 3, not 4"):
        build_network(section(kind, in_channels=4, pretrained=True))
