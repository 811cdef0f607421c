"""The 2-D ResU-Net of report 003 (Jonsson, Umea 2023), channel first.

Filters 16..256 over five encoder levels of 1, 2, 3, 4, 4 residual blocks. The skips are the *pooled* outputs, there is no
skip at full resolution, and every concatenation is followed by a LayerNorm over channels. 6,854,609 trainable and 9,824
static parameters with four input channels and one output channel, as the report's own run printed.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gliolabel.networks.base import SegmentationNetwork

FILTERS = (16, 32, 64, 128, 256)
ENCODER_DEPTHS = (1, 2, 3, 4, 4)

# Keras defaults of the original run: its momentum 0.99 is torch's 0.01.
_EPS = 1e-3
_BN_MOMENTUM = 0.01


def _batch_norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=_EPS, momentum=_BN_MOMENTUM)


class ChannelLayerNorm(nn.Module):
    """LayerNorm over the channels of every pixel, for (batch, channels, height, width) tensors.

    Args:
        channels: number of channels.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        channels_last = x.permute(0, 2, 3, 1)
        return F.layer_norm(channels_last, (x.shape[1],), self.weight, self.bias, _EPS).permute(0, 3, 1, 2)


class ResidualBlock(nn.Module):
    """``ReLU(BN(conv3(ReLU(BN(conv3(x))))) + shortcut(x))``, then spatial dropout. No convolution has a bias.

    Args:
        in_channels: channels in.
        out_channels: channels out.
        project: shortcut ``BN(conv1(x))`` (the first block of a level) instead of ``x``.
        dropout: probability of dropping a whole channel.
    """

    def __init__(self, in_channels: int, out_channels: int, *, project: bool, dropout: float) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
        self.norm1 = _batch_norm(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.norm2 = _batch_norm(out_channels)
        self.shortcut: nn.Module = nn.Identity()
        if project:
            self.shortcut = nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, bias=False), _batch_norm(out_channels))
        self.dropout = nn.Dropout2d(dropout)

    def features(self, x: Tensor) -> Tensor:
        """The block without its dropout."""
        inner = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(inner)) + self.shortcut(x))

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.features(x))


def _level(in_channels: int, out_channels: int, *, depth: int, dropout: float) -> nn.Sequential:
    blocks = [ResidualBlock(in_channels, out_channels, project=True, dropout=dropout)]
    blocks += [ResidualBlock(out_channels, out_channels, project=False, dropout=dropout) for _ in range(depth - 1)]
    return nn.Sequential(*blocks)


class UpLevel(nn.Module):
    """Transposed convolution and ReLU, concatenation [up, skip], LayerNorm, dropout, one projecting residual block."""

    def __init__(self, in_channels: int, skip_channels: int, *, dropout: float) -> None:
        super().__init__()
        # padding 1 and output_padding 1 is Keras's "same" but for which end of the 2n + 1 rows is cropped.
        self.up = nn.ConvTranspose2d(in_channels, skip_channels, 3, stride=2, padding=1, output_padding=1)
        self.norm = ChannelLayerNorm(2 * skip_channels)
        self.dropout = nn.Dropout2d(dropout)
        self.block = ResidualBlock(2 * skip_channels, skip_channels, project=True, dropout=dropout)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        joined = torch.cat([F.relu(self.up(x)), skip], dim=1)
        return self.block(self.dropout(self.norm(joined)))


class ResUNet2D(SegmentationNetwork):
    """2-D ResU-Net with spatial dropout after every residual block but those of the output.

    Args:
        in_channels: number of input channels (the report: t1, t1ce, t2, flair).
        out_channels: number of output channels: 1 for the report's whole-tumour mask, 4 for the product's classes.
        dropout: probability of every spatial dropout.

    ``forward`` takes (batch, in_channels, height, width), height and width multiples of 32, and returns **logits** of
    shape (batch, out_channels, height, width).

    Example:
        >>> import torch
        >>> ResUNet2D()(torch.zeros(1, 4, 64, 64)).shape
        torch.Size([1, 1, 64, 64])

    Source: report 003, tables 1 and 2, with the corrections of its own run (row 5 is 2 x 2 x 256; output depth 2).
    """

    spatial_dims = 2
    divisor = 32

    def __init__(self, in_channels: int = 4, out_channels: int = 1, *, dropout: float = 0.1) -> None:
        super().__init__()
        widths = (in_channels, *FILTERS)
        self.encoder = nn.ModuleList(
            _level(widths[i], widths[i + 1], depth=depth, dropout=dropout) for i, depth in enumerate(ENCODER_DEPTHS)
        )
        self.decoder = nn.ModuleList(UpLevel(FILTERS[i], FILTERS[i - 1], dropout=dropout) for i in range(4, 0, -1))
        self.last_up = nn.Conv2d(FILTERS[0], FILTERS[0], 1)
        self.last_norm = ChannelLayerNorm(FILTERS[0])
        self.output = nn.Sequential(
            ResidualBlock(FILTERS[0], FILTERS[0], project=True, dropout=0.0),
            ResidualBlock(FILTERS[0], FILTERS[0], project=False, dropout=0.0),
            nn.Conv2d(FILTERS[0], out_channels, 1),
        )
        self.apply(_glorot)

    def stem(self, x: Tensor) -> tuple[Tensor, ...]:
        """The first residual block without its dropout, pooled."""
        return (F.max_pool2d(self._first.features(x), 2),)

    def finish(self, stem: tuple[Tensor, ...]) -> Tensor:
        """All that follows the first block."""
        # Its dropout scales whole channels by 0 or 1 / (1 - rate), so it gives the same numbers after the pooling as before.
        x = self._first.dropout(stem[0])
        pooled = [x]
        for level in list(self.encoder)[1:]:
            x = F.max_pool2d(level(x), 2)
            pooled.append(x)
        for up, skip in zip(self.decoder, reversed(pooled[:-1]), strict=True):
            x = up(x, skip)
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        logits: Tensor = self.output(self.last_norm(F.relu(self.last_up(x))))
        return logits

    @property
    def _first(self) -> ResidualBlock:
        level = self.encoder[0]
        assert isinstance(level, nn.Sequential)
        block = level[0]
        assert isinstance(block, ResidualBlock)
        return block


def _glorot(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
