"""U-Net with VGG16 as encoder (report 004, section 6.2)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from gliolabel.networks.blocks import DropoutOf, TwoConvolutions, up_layer
from gliolabel.networks.encoders.pretrained import VGG16
from gliolabel.networks.encoders.unet import EncoderUNet
from gliolabel.networks.initial import Initial

#: Channels of VGG16's thirteen convolutions, block by block (Simonyan and Zisserman 2015, table 1, column D).
BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


class VGG16UNet(EncoderUNet):
    """VGG16's thirteen convolutions on the way down, a plain U-Net's levels with batch norm on the way up.

    The skips are the outputs of the first four blocks before their pooling, at full size, 1/2, 1/4 and 1/8; the fifth, at 1/16, is the
    bottom. ``monai.networks.nets.FlexibleUNet`` cannot hold this encoder: it expects the first feature at half size.
    14,714,688 parameters in the encoder (as torchvision's ``vgg16().features``).

    Args:
        in_channels: number of input channels; ImageNet weights need 3.
        out_channels: number of output channels.
        dropout: probability of the dropout between the two convolutions of each level on the way up.
        dropout_of: whole channels or single elements.
        initial: how convolutions start that are not loaded.
        pretrained: load ImageNet weights into the encoder, if they can be had.
        frozen_blocks: so many first blocks, of five, are not trained.

    ``forward`` takes (batch, in_channels, height, width), height and width multiples of 16, and returns **logits** of shape
    (batch, out_channels, height, width).

    Source: report 004, section 6.2; the way up is not described there.
    """

    divisor = 16

    def __init__(
        self,
        in_channels: int = 3,
        out_channels: int = 1,
        *,
        dropout: float = 0.0,
        dropout_of: DropoutOf = "channels",
        initial: Initial = "he_normal",
        pretrained: bool = False,
        frozen_blocks: int = 0,
    ) -> None:
        super().__init__()
        # One flat list with torchvision's numbers, so that its weights fit by name. The last pooling would lead to the classifier.
        layers: list[nn.Module] = []
        self._ends: list[int] = []
        before = in_channels
        for widths in BLOCKS:
            if layers:
                layers.append(nn.MaxPool2d(2))
            for width in widths:
                layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU(inplace=True)]
                before = width
            self._ends.append(len(layers))
        self.encoder = nn.Sequential(*layers)
        widths_up = [widths[-1] for widths in BLOCKS][::-1]
        self.up = nn.ModuleList(up_layer("transposed", 2, low, high) for low, high in pairwise(widths_up))
        self.join = nn.ModuleList(
            TwoConvolutions(2, 2 * high, high, norm="batch", dropout=dropout, dropout_of=dropout_of) for high in widths_up[1:]
        )
        self.output = nn.Conv2d(widths_up[-1], out_channels, 1)
        self._begin(self.encoder, initial=initial, weights=VGG16, pretrained=pretrained, frozen_blocks=frozen_blocks)

    def blocks(self) -> list[Sequence[nn.Module]]:
        """VGG16's five blocks of convolutions, each but the first with the pooling before it."""
        layers = list(self.encoder)
        return [layers[start:end] for start, end in pairwise((0, *self._ends))]

    def encode(self, x: Tensor) -> list[Tensor]:
        """Outputs of the five blocks, before the pooling that follows them."""
        features = []
        for block in self.blocks():
            for layer in block:
                x = layer(x)
            features.append(x)
        return features

    def finish(self, stem: tuple[Tensor, ...]) -> Tensor:
        """The way up from the encoder's feature maps."""
        *skips, x = stem
        for up, join, skip in zip(self.up, self.join, reversed(skips), strict=True):
            x = join(torch.cat([skip, up(x)], dim=1))
        logits: Tensor = self.output(x)
        return logits
