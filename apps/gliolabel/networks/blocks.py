"""What U-Nets are made of, in 2-D and 3-D."""

from __future__ import annotations

from typing import Literal

from monai.networks.layers.factories import Conv, Dropout, Norm
from torch import Tensor, nn
from torch.nn import functional as F

from gliolabel.networks.normalisation import InstanceNorm

NormName = Literal["batch", "instance"]
Activation = Literal["relu", "prelu"]
DropoutOf = Literal["channels", "elements"]
Up = Literal["transposed", "nearest_conv"]


class TwoConvolutions(nn.Module):
    """``conv3 -> norm -> activation -> dropout -> conv3 -> norm -> activation`` (dropout where report 001's models have it).

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels in.
        out_channels: channels out of both convolutions.
        norm: after each convolution, or None.
        activation: ``relu``, or ``prelu`` with one learned slope per channel.
        dropout: probability; 0 for none.
        dropout_of: what is dropped, see :func:`dropout_layer`.
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        *,
        norm: NormName | None = None,
        activation: Activation = "relu",
        dropout: float = 0.0,
        dropout_of: DropoutOf = "channels",
    ) -> None:
        super().__init__()
        convolution = Conv[Conv.CONV, spatial_dims]
        # A convolution before a normalisation has its bias all the same: the reports' parameter counts include it.
        self.conv1 = convolution(in_channels, out_channels, 3, padding=1)
        self.conv2 = convolution(out_channels, out_channels, 3, padding=1)
        self.norm1 = norm_layer(norm, spatial_dims, out_channels)
        self.norm2 = norm_layer(norm, spatial_dims, out_channels)
        self.act1 = activation_layer(activation, out_channels)
        self.act2 = activation_layer(activation, out_channels)
        self.dropout = dropout_layer(dropout, spatial_dims, of=dropout_of)

    def before_dropout(self, x: Tensor) -> Tensor:
        """The first convolution with its normalisation and activation."""
        features: Tensor = self.act1(self.norm1(self.conv1(x)))
        return features

    def after_dropout(self, features: Tensor) -> Tensor:
        """The dropout and what follows it."""
        out: Tensor = self.act2(self.norm2(self.conv2(self.dropout(features))))
        return out

    def forward(self, x: Tensor) -> Tensor:
        return self.after_dropout(self.before_dropout(x))


class NearestConvolution(nn.Module):
    """Nearest neighbour to twice the size, 2-convolution, activation.

    The 2-convolution pads one row of zeros at the end of each axis, as Keras's "same" does for an even kernel.

    Source: report 002's way up (Keras ``UpSampling2D`` and ``Conv2D(filters, 2)``).
    """

    def __init__(self, spatial_dims: int, in_channels: int, out_channels: int, *, activation: Activation) -> None:
        super().__init__()
        self.conv = Conv[Conv.CONV, spatial_dims](in_channels, out_channels, 2)
        self.act = activation_layer(activation, out_channels)
        self._padding = (0, 1) * spatial_dims

    def forward(self, x: Tensor) -> Tensor:
        larger = F.interpolate(x, scale_factor=2, mode="nearest")
        out: Tensor = self.act(self.conv(F.pad(larger, self._padding)))
        return out


def up_layer(up: Up, spatial_dims: int, in_channels: int, out_channels: int, *, activation: Activation = "relu") -> nn.Module:
    """To twice the size: a transposed 2-convolution of stride 2 without activation, or :class:`NearestConvolution`."""
    if up == "nearest_conv":
        return NearestConvolution(spatial_dims, in_channels, out_channels, activation=activation)
    layer: nn.Module = Conv[Conv.CONVTRANS, spatial_dims](in_channels, out_channels, 2, stride=2)
    return layer


def norm_layer(name: NormName | None, spatial_dims: int, channels: int) -> nn.Module:
    """A normalisation with learned scale and shift; without a name nothing."""
    if name is None:
        return nn.Identity()
    if name == "instance":
        return InstanceNorm(channels)
    layer: nn.Module = Norm[Norm.BATCH, spatial_dims](channels)
    return layer


def activation_layer(name: Activation, channels: int) -> nn.Module:
    """ReLU, or PReLU with one slope per channel that starts at 0.25 (He et al. 2015, section 2.1)."""
    return nn.PReLU(channels) if name == "prelu" else nn.ReLU(inplace=True)


def dropout_layer(rate: float, spatial_dims: int, *, of: DropoutOf) -> nn.Module:
    """Dropout of whole channels (single values of a convolution's output are alike), or of elements as Keras's ``Dropout``."""
    if not rate:
        return nn.Identity()
    layer: nn.Module = nn.Dropout(rate) if of == "elements" else Dropout[Dropout.DROPOUT, spatial_dims](rate)
    return layer
