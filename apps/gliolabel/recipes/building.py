"""From a recipe's network section to a network."""

from __future__ import annotations

import functools

import torch

from gliolabel.networks import ResNet50UNet, ResUNet2D, SegmentationNetwork, UNet, VGG16UNet
from gliolabel.networks.initial import initialise
from gliolabel.recipes.network_keys import check_network
from gliolabel.recipes.schema import NetworkSection


def build_network(section: NetworkSection, *, pretrained: bool = True) -> SegmentationNetwork:
    """The network a recipe describes, with fresh random weights, or with ImageNet's in the encoder where the section wants that.

    Args:
        section: the recipe's ``network``.
        pretrained: False leaves ImageNet's weights aside, for example because others will replace them. Where they cannot be had,
            a warning in the log says so, and the network's ``pretrained`` is False.

    Raises:
        InputError: the section sets a key that its kind does not use, or misses what it needs.
    """
    check_network(section)
    inputs, outputs, initial = section.in_channels, section.out_channels, section.initial
    rate = section.dropout[0]
    if section.kind == "resunet2d":
        network = ResUNet2D(inputs, outputs, dropout=rate)
        initialise(network, initial or "glorot_uniform")
        return network
    if section.kind == "unet":
        return UNet(
            section.spatial_dims,
            inputs,
            outputs,
            section.channels,
            norm=section.norm,
            dropout=section.dropout,
            dropout_place=section.dropout_place,
            dropout_of=section.dropout_of,
            activation=section.activation,
            up=section.up,
            initial=initial or "he_normal",
        )
    initial = initial or "he_normal"
    wanted, frozen = section.pretrained and pretrained, section.frozen_blocks
    if section.kind == "vgg16_unet":
        of = section.dropout_of
        return VGG16UNet(inputs, outputs, dropout=rate, dropout_of=of, initial=initial, pretrained=wanted, frozen_blocks=frozen)
    return ResNet50UNet(inputs, outputs, dropout=rate, initial=initial, pretrained=wanted, frozen_blocks=frozen)


@functools.lru_cache(maxsize=128)
def count_parameters(section: NetworkSection) -> tuple[int, int]:
    """Trainable parameters, and static ones: frozen parameters and the running statistics of normalisation layers.

    Built without memory for weights, so that it takes milliseconds.

    Raises:
        InputError: as :func:`build_network`.
    """
    with torch.device("meta"):
        network = build_network(section, pretrained=False)
    trainable = sum(p.numel() for p in network.parameters() if p.requires_grad)
    frozen = sum(p.numel() for p in network.parameters() if not p.requires_grad)
    statistics = sum(b.numel() for b in network.buffers() if b.is_floating_point())  # not the batch counters
    return trainable, frozen + statistics
