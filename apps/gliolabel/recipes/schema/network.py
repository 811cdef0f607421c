"""Which network, and its size."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gliolabel.recipes.schema.base import Count, Section, Share


class NetworkSection(Section):
    """A network with logits as output. Keys that a kind does not use are refused (:mod:`gliolabel.recipes.network_keys`)."""

    kind: Literal["resunet2d", "unet", "vgg16_unet", "resnet50_unet"]
    in_channels: int = Field(default=4, ge=1)
    out_channels: int = Field(default=4, ge=1)
    spatial_dims: Literal[2, 3] = Field(default=2, description="unet: 2-D or 3-D; the others are 2-D")
    channels: tuple[Count, ...] = Field(default=(), description="unet: feature channels of each level, finest first")
    norm: Literal["batch", "instance"] | None = Field(default=None, description="unet: after each convolution")
    activation: Literal["relu", "prelu"] = Field(default="relu", description="unet: prelu has one learned slope per channel")
    dropout: tuple[Share, ...] = Field(default=(0.1,), min_length=1, description="one rate, or one for each level of a unet")
    dropout_place: Literal["between", "bottleneck"] = Field(
        default="between", description="unet: between the two convolutions of each level, or once after the coarsest level"
    )
    dropout_of: Literal["channels", "elements"] = Field(
        default="channels", description="unet, vgg16_unet: whole channels, or single elements as Keras's Dropout"
    )
    up: Literal["transposed", "nearest_conv"] = Field(
        default="transposed", description="unet: transposed 2-convolution, or nearest neighbour, 2-convolution and activation"
    )
    initial: Literal["he_normal", "glorot_uniform", "torch"] | None = Field(
        default=None, description="how convolutions start; without it glorot_uniform for resunet2d, he_normal for the others"
    )
    pretrained: bool = Field(default=False, description="encoder: weights from ImageNet, when they can be loaded")
    frozen_blocks: int = Field(default=0, ge=0, le=5, description="encoder: so many first blocks are not trained, batch norm included")
