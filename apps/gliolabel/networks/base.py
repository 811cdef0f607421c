"""What every network of the project promises."""

from __future__ import annotations

from torch import Tensor, nn


class SegmentationNetwork(nn.Module):
    """A network from (batch, in_channels, *space) to **logits** of shape (batch, out_channels, *space).

    Attributes:
        spatial_dims: 2 or 3.
        divisor: every spatial size must be a multiple of this.
    """

    spatial_dims: int
    divisor: int

    def forward(self, x: Tensor) -> Tensor:
        """Logits, not probabilities."""
        raise NotImplementedError
