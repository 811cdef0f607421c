"""U-Net with ResNet50 as encoder (report 004, sections 6.3 and 6.4): MONAI's FlexibleUNet, with ImageNet weights and freezing."""

from __future__ import annotations

from collections.abc import Sequence

from monai.networks.nets import FlexibleUNet
from torch import Tensor, nn

from gliolabel.networks.encoders.pretrained import RESNET50
from gliolabel.networks.encoders.unet import EncoderUNet
from gliolabel.networks.initial import Initial


class ResNet50UNet(EncoderUNet):
    """``monai.networks.nets.FlexibleUNet`` with the backbone ``resnet50``.

    Its names and shapes are torchvision's, whose ImageNet weights therefore fit; MONAI itself has none for 2-D.
    23,508,032 parameters in the encoder (as torchvision's ``resnet50()`` without its classifier), 32,109,681 in all with three input
    channels and one output channel, and 55,104 running statistics.

    Args:
        in_channels: number of input channels; ImageNet weights need 3.
        out_channels: number of output channels.
        dropout: probability of the dropout of elements after every convolution on the way up.
        initial: how convolutions start that are not loaded.
        pretrained: load ImageNet weights into the encoder, if they can be had.
        frozen_blocks: so many first blocks, of five (the stem and four stages), are not trained.

    ``forward`` takes (batch, in_channels, height, width), height and width multiples of 32, and returns **logits** of shape
    (batch, out_channels, height, width).

    Source: report 004, sections 6.3 and 6.4; the way up is not described there.
    """

    divisor = 32

    def __init__(
        self,
        in_channels: int = 3,
        out_channels: int = 1,
        *,
        dropout: float = 0.0,
        initial: Initial = "he_normal",
        pretrained: bool = False,
        frozen_blocks: int = 0,
    ) -> None:
        super().__init__()
        self.unet = FlexibleUNet(
            in_channels, out_channels, backbone="resnet50", pretrained=False, spatial_dims=2, dropout=dropout, is_pad=False
        )
        self._begin(self.unet.encoder, initial=initial, weights=RESNET50, pretrained=pretrained, frozen_blocks=frozen_blocks)

    def blocks(self) -> list[Sequence[nn.Module]]:
        """The stem (7-convolution and batch norm), then the four stages of residual blocks."""
        encoder = self.unet.encoder
        return [[encoder.conv1, encoder.bn1], *([stage] for stage in (encoder.layer1, encoder.layer2, encoder.layer3, encoder.layer4))]

    def encode(self, x: Tensor) -> list[Tensor]:
        """Outputs of the stem and of the four stages, at 1/2 to 1/32 of the size."""
        features: list[Tensor] = self.unet.encoder(x)
        return features

    def finish(self, stem: tuple[Tensor, ...]) -> Tensor:
        """The way up from the encoder's feature maps."""
        logits: Tensor = self.unet.segmentation_head(self.unet.decoder(list(stem), self.unet.skip_connect))
        return logits
