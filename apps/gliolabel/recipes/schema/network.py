"""Which network, and its size."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gliolabel.recipes.schema.base import Section, Share


class NetworkSection(Section):
    """A network with logits as output. Keys that a kind does not use are refused when the network is built."""

    kind: Literal["resunet2d", "unet", "vgg16_unet", "resnet50_unet"]
    in_channels: int = Field(default=4, ge=1)
    out_channels: int = Field(default=4, ge=1)
    spatial_dims: Literal[2, 3] = 2
    channels: tuple[int, ...] = Field(default=(), description="unet: feature channels of each level, finest first")
    norm: Literal["batch", "instance"] | None = None
    activation: Literal["relu", "prelu"] = "relu"
    dropout: tuple[Share, ...] = Field(default=(0.1,), description="one rate, or one for each level of a unet")
    dropout_place: Literal["between", "bottleneck"] = Field(
        default="between", description="unet: between the two convolutions of each level, or once after the coarsest level"
    )
    dropout_of: Literal["channels", "elements"] = "channels"
    up: Literal["transposed", "nearest_conv"] = Field(
        default="transposed", description="unet: transposed 2-convolution, or nearest neighbour, 2-convolution and activation"
    )
    initial: Literal["he_normal", "glorot_uniform"] = Field(default="he_normal", description="how convolutions start")
    pretrained: bool = Field(default=False, description="encoder: weights from ImageNet, when they can be loaded")
    frozen_blocks: int = Field(default=0, ge=0, le=5, description="encoder: so many first blocks are not trained, batch norm included")
