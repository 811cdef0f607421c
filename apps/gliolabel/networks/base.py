"""What every network of the project promises."""

from __future__ import annotations

from torch import Tensor, nn


class SegmentationNetwork(nn.Module):
    """A network from (batch, in_channels, *space) to **logits** of shape (batch, out_channels, *space).

    A network implements :meth:`finish`, and :meth:`stem` where work can be shared.

    Attributes:
        spatial_dims: 2 or 3.
        divisor: every spatial size must be a multiple of this.
    """

    spatial_dims: int
    divisor: int

    def forward(self, x: Tensor) -> Tensor:
        """Logits, not probabilities."""
        return self.finish(self.stem(x))

    def stem(self, x: Tensor) -> tuple[Tensor, ...]:
        """What comes before the first dropout: the same in every Monte-Carlo pass, so it is computed once for all of them.

        Args:
            x: (batch, in_channels, *space).

        Returns:
            Feature maps for :meth:`finish`, each with the batch as first axis.
        """
        return (x,)

    def finish(self, stem: tuple[Tensor, ...]) -> Tensor:
        """Logits from what :meth:`stem` returned."""
        raise NotImplementedError
