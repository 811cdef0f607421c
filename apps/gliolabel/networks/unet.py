"""The U-Net of reports 000, 001, 002 and 004, in 2-D and 3-D.

Two convolutions of size 3 with zero padding per level, max pooling, transposed convolution of size and stride 2 that halves
the channels, concatenation with the feature map from *before* the pooling, and a 1-convolution at the end. This is not
``monai.networks.nets.BasicUNet``, whose last up step keeps the channel count and is larger.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from monai.networks.layers.factories import Conv, Dropout, Norm, Pool
from torch import Tensor, nn

from gliolabel.networks.base import SegmentationNetwork

NormName = Literal["batch", "instance"]


class TwoConvolutions(nn.Module):
    """``conv3 -> norm -> activation -> dropout -> conv3 -> norm -> activation`` (dropout where report 001's models have it)."""

    def __init__(
        self, spatial_dims: int, in_channels: int, out_channels: int, *, norm: NormName | None, dropout: float, act: nn.Module
    ) -> None:
        super().__init__()
        convolution = Conv[Conv.CONV, spatial_dims]
        # A convolution before a normalisation has its bias all the same: the reports' parameter counts include it.
        self.conv1 = convolution(in_channels, out_channels, 3, padding=1)
        self.conv2 = convolution(out_channels, out_channels, 3, padding=1)
        self.norm1 = _norm(norm, spatial_dims, out_channels)
        self.norm2 = _norm(norm, spatial_dims, out_channels)
        # Whole channels are dropped: single voxels of a convolution's output are too alike to be worth sampling.
        self.dropout = Dropout[Dropout.DROPOUT, spatial_dims](dropout) if dropout else nn.Identity()
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        x = self.dropout(self.act(self.norm1(self.conv1(x))))
        return self.act(self.norm2(self.conv2(x)))


class UNet(SegmentationNetwork):
    """U-Net in 2-D or 3-D.

    Args:
        spatial_dims: 2 or 3.
        in_channels: number of input channels.
        out_channels: number of output channels.
        channels: feature channels of each level, finest first.
        norm: ``"batch"``, ``"instance"`` or None (really no normalisation, as in report 001).
        dropout: probability of the channel dropout between the two convolutions of a level: one number for every level,
            or one per level (mirrored on the way up).

    ``forward`` takes (batch, in_channels, *space), every spatial size a multiple of :attr:`divisor`, and returns **logits**
    of shape (batch, out_channels, *space).

    Raises:
        ValueError: ``spatial_dims`` is neither 2 nor 3, or ``dropout`` does not have one number per level.

    Example:
        >>> import torch
        >>> UNet(3, 4, 4, channels=(8, 16))(torch.zeros(1, 4, 8, 8, 8)).shape
        torch.Size([1, 4, 8, 8, 8])

    Source: Ronneberger et al. 2015 with zero padding; reports 000 (64..1024, batch norm) and 001 (3-D, 32..512, no norm).
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        channels: Sequence[int],
        norm: NormName | None = None,
        dropout: float | Sequence[float] = 0.0,
    ) -> None:
        super().__init__()
        if spatial_dims not in (2, 3):
            raise ValueError(f"spatial_dims is {spatial_dims}; expected 2 or 3")
        rates = [float(dropout)] * len(channels) if isinstance(dropout, int | float) else [float(r) for r in dropout]
        if len(rates) != len(channels):
            raise ValueError(f"dropout has {len(rates)} numbers for {len(channels)} levels; give one number or one per level")
        self.spatial_dims = spatial_dims
        self.divisor = 2 ** (len(channels) - 1)
        act = nn.ReLU()
        transposed = Conv[Conv.CONVTRANS, spatial_dims]

        def level(inputs: int, outputs: int, rate: float) -> TwoConvolutions:
            return TwoConvolutions(spatial_dims, inputs, outputs, norm=norm, dropout=rate, act=act)

        widths = (in_channels, *channels)
        self.down = nn.ModuleList(level(widths[i], widths[i + 1], rate) for i, rate in enumerate(rates))
        self.pool = Pool[Pool.MAX, spatial_dims](2)
        self.up = nn.ModuleList()
        self.join = nn.ModuleList()
        for i in range(len(channels) - 1, 0, -1):
            self.up.append(transposed(channels[i], channels[i - 1], 2, stride=2))
            self.join.append(level(2 * channels[i - 1], channels[i - 1], rates[i - 1]))
        self.output = Conv[Conv.CONV, spatial_dims](channels[0], out_channels, 1)
        self.apply(_he_normal)

    def forward(self, x: Tensor) -> Tensor:
        skips: list[Tensor] = []
        for i, level in enumerate(self.down):
            x = level(x if i == 0 else self.pool(x))
            skips.append(x)
        for up, join, skip in zip(self.up, self.join, reversed(skips[:-1]), strict=True):
            x = join(torch.cat([skip, up(x)], dim=1))
        logits: Tensor = self.output(x)
        return logits


def _norm(name: NormName | None, spatial_dims: int, channels: int) -> nn.Module:
    if name is None:
        return nn.Identity()
    if name == "instance":
        return Norm[Norm.INSTANCE, spatial_dims](channels, affine=True)
    return Norm[Norm.BATCH, spatial_dims](channels)


def _he_normal(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.Conv3d | nn.ConvTranspose2d | nn.ConvTranspose3d):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
