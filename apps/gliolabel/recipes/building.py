"""From a recipe's network section to a network."""

from __future__ import annotations

from gliolabel.errors import InputError
from gliolabel.networks import ResUNet2D, SegmentationNetwork, UNet
from gliolabel.recipes.schema import NetworkSection


def build_network(section: NetworkSection) -> SegmentationNetwork:
    """The network a recipe describes, with fresh random weights.

    Raises:
        InputError: the section misses what the network needs.
    """
    if section.kind == "resunet2d":
        return ResUNet2D(section.in_channels, section.out_channels, dropout=section.dropout[0])
    if not section.channels:
        raise InputError("recipe: network.channels is empty; a unet needs the channels of each level, e.g. [16, 32, 64]")
    dropout = section.dropout if len(section.dropout) > 1 else section.dropout[0]
    return UNet(section.spatial_dims, section.in_channels, section.out_channels, section.channels, norm=section.norm, dropout=dropout)
