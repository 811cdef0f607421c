"""The U-Net of reports 000, 001, 002 and 004, in 2-D and 3-D.

Two convolutions of size 3 with zero padding per level, max pooling, an up step that halves the channels, concatenation with
the feature map from *before* the pooling, and a 1-convolution at the end. This is not ``monai.networks.nets.BasicUNet``, whose
last up step keeps the channel count and is larger.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from monai.networks.layers.factories import Conv, Pool
from torch import Tensor, nn

from gliolabel.networks.base import SegmentationNetwork
from gliolabel.networks.blocks import Activation, DropoutOf, NormName, TwoConvolutions, Up, dropout_layer, up_layer
from gliolabel.networks.initial import Initial, initialise

DropoutPlace = Literal["between", "bottleneck"]


class UNet(SegmentationNetwork):
    """U-Net in 2-D or 3-D.

    Args:
        spatial_dims: 2 or 3.
        in_channels: number of input channels.
        out_channels: number of output channels.
        channels: feature channels of each level, finest first.
        norm: ``"batch"``, ``"instance"`` or None (really no normalisation, as in report 001).
        dropout: probability of the dropout: one number, or for ``dropout_place="between"`` one per level (mirrored on the way up).
        dropout_place: ``"between"`` the two convolutions of each level, or once after the ``"bottleneck"``, the coarsest level.
        dropout_of: whole ``"channels"``, or single ``"elements"`` as Keras's ``Dropout``.
        activation: ``"relu"``, or ``"prelu"`` with one learned slope per channel.
        up: ``"transposed"`` 2-convolution of stride 2, or ``"nearest_conv"``: nearest neighbour, 2-convolution and activation.
        initial: how convolutions start, see :func:`~gliolabel.networks.initial.initialise`.

    ``forward`` takes (batch, in_channels, *space), every spatial size a multiple of :attr:`divisor`, and returns **logits**
    of shape (batch, out_channels, *space).

    Raises:
        ValueError: ``spatial_dims`` is neither 2 nor 3, or ``dropout`` does not have one number, or one per level.

    Example:
        >>> import torch
        >>> UNet(3, 4, 4, channels=(8, 16))(torch.zeros(1, 4, 8, 8, 8)).shape
        torch.Size([1, 4, 8, 8, 8])

    Source: Ronneberger et al. 2015 with zero padding; reports 000 (64..1024, batch norm), 001 (3-D, 32..512, no norm, element
    dropout between) and 002 (32..512, no norm, element dropout after the bottleneck, nearest neighbour and 2-convolution).
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        channels: Sequence[int],
        norm: NormName | None = None,
        dropout: float | Sequence[float] = 0.0,
        *,
        dropout_place: DropoutPlace = "between",
        dropout_of: DropoutOf = "channels",
        activation: Activation = "relu",
        up: Up = "transposed",
        initial: Initial = "he_normal",
    ) -> None:
        super().__init__()
        if spatial_dims not in (2, 3):
            raise ValueError(f"spatial_dims is {spatial_dims}; expected 2 or 3")
        between, bottleneck = _rates(dropout, levels=len(channels), place=dropout_place)
        self.spatial_dims = spatial_dims
        self.divisor = 2 ** (len(channels) - 1)

        def level(inputs: int, outputs: int, rate: float) -> TwoConvolutions:
            return TwoConvolutions(spatial_dims, inputs, outputs, norm=norm, activation=activation, dropout=rate, dropout_of=dropout_of)

        widths = (in_channels, *channels)
        self.down = nn.ModuleList(level(widths[i], widths[i + 1], rate) for i, rate in enumerate(between))
        self.pool = Pool[Pool.MAX, spatial_dims](2)
        self.bottleneck_dropout = dropout_layer(bottleneck, spatial_dims, of=dropout_of)
        self.up = nn.ModuleList()
        self.join = nn.ModuleList()
        for i in range(len(channels) - 1, 0, -1):
            self.up.append(up_layer(up, spatial_dims, channels[i], channels[i - 1], activation=activation))
            self.join.append(level(2 * channels[i - 1], channels[i - 1], between[i - 1]))
        self.output = Conv[Conv.CONV, spatial_dims](channels[0], out_channels, 1)
        # The first level on the way down whose dropout is on; without any the coarsest: what lies above it is the same in every pass.
        self._first_dropped = next((i for i, rate in enumerate(between) if rate), len(channels) - 1)
        initialise(self, initial)

    def stem(self, x: Tensor) -> tuple[Tensor, ...]:
        """The levels above the first dropout, and that level's features before it."""
        features: list[Tensor] = []
        for i in range(self._first_dropped):
            x = self._level(i)(x if i == 0 else self.pool(x))
            features.append(x)
        last = self._first_dropped
        features.append(self._level(last).before_dropout(x if last == 0 else self.pool(x)))
        return tuple(features)

    def finish(self, stem: tuple[Tensor, ...]) -> Tensor:
        """All that follows the first dropout, and the dropout itself."""
        x = self._level(self._first_dropped).after_dropout(stem[-1])
        skips = [*stem[:-1], x]
        for i in range(self._first_dropped + 1, len(self.down)):
            x = self._level(i)(self.pool(x))
            skips.append(x)
        x = self.bottleneck_dropout(x)
        for up, join, skip in zip(self.up, self.join, reversed(skips[:-1]), strict=True):
            x = join(torch.cat([skip, up(x)], dim=1))
        logits: Tensor = self.output(x)
        return logits

    def _level(self, index: int) -> TwoConvolutions:
        level = self.down[index]
        assert isinstance(level, TwoConvolutions)
        return level


def _rates(dropout: float | Sequence[float], *, levels: int, place: DropoutPlace) -> tuple[list[float], float]:
    """Dropout rates between the convolutions of each level, and after the bottleneck."""
    rates = [float(dropout)] if isinstance(dropout, int | float) else [float(rate) for rate in dropout]
    if place == "bottleneck":
        if len(rates) != 1:
            raise ValueError(f"dropout has {len(rates)} numbers; dropout_place bottleneck takes one")
        return [0.0] * levels, rates[0]
    if len(rates) == 1:
        rates = rates * levels
    if len(rates) != levels:
        raise ValueError(f"dropout has {len(rates)} numbers for {levels} levels; give one number or one per level")
    return rates, 0.0
