"""Which keys of a recipe's network section each kind of network uses, and what it can be."""

from __future__ import annotations

from gliolabel.errors import InputError
from gliolabel.recipes.schema import NetworkSection

_EVERY = ("in_channels", "out_channels", "dropout", "initial")
_ENCODER = ("pretrained", "frozen_blocks")

#: The keys beside ``kind`` that each kind uses.
KEYS: dict[str, tuple[str, ...]] = {
    "resunet2d": _EVERY,
    "unet": (*_EVERY, "spatial_dims", "channels", "norm", "activation", "dropout_place", "dropout_of", "up"),
    "vgg16_unet": (*_EVERY, "dropout_of", *_ENCODER),
    "resnet50_unet": (*_EVERY, *_ENCODER),
}

#: ImageNet's pictures have so many channels.
_IMAGENET_CHANNELS = 3


def check_network(section: NetworkSection) -> None:
    """Refuse what a kind of network does not use or cannot be. A key with its default value does not count as used.

    Raises:
        InputError: with key, value, kind and what is expected.
    """
    used = KEYS[section.kind]
    for key, field in NetworkSection.model_fields.items():
        value = getattr(section, key)
        if key != "kind" and key not in used and value != field.default:
            raise InputError(f"network.{key} = {value!r}: kind {section.kind} does not use this key; it uses {', '.join(used)}; remove it")
    if section.kind == "unet":
        _check_unet(section)
    elif len(section.dropout) != 1:
        raise InputError(f"network.dropout = {list(section.dropout)}: kind {section.kind} takes one rate, e.g. [0.1]")
    if section.pretrained and section.in_channels != _IMAGENET_CHANNELS:
        raise InputError(
            f"network.pretrained = True: ImageNet weights need network.in_channels 3, not {section.in_channels}; set it to false"
        )


def divisor(section: NetworkSection) -> int:
    """Every spatial size of the network's input must be a multiple of this."""
    if section.kind == "unet":
        return int(2 ** (len(section.channels) - 1))
    return 16 if section.kind == "vgg16_unet" else 32


def _check_unet(section: NetworkSection) -> None:
    levels = len(section.channels)
    if not levels:
        raise InputError("network.channels = []: a unet needs the channels of each level, finest first, e.g. [16, 32, 64]")
    if section.dropout_place == "bottleneck" and len(section.dropout) != 1:
        raise InputError(f"network.dropout = {list(section.dropout)}: with dropout_place bottleneck one rate is expected, e.g. [0.2]")
    if len(section.dropout) not in (1, levels):
        raise InputError(
            f"network.dropout = {list(section.dropout)}: expected one rate, or {levels}, one for each level of network.channels"
        )
