"""Monte-Carlo dropout done right: only dropout is switched on, and one pass is one network.

The report's own run called the whole network in training mode, which also switches BatchNorm to the batch's statistics
(report 003, Monte-Carlo dropout). And ordinary dropout draws new channels for every slice or window of a batch, so that
neighbours disagree where the network does not. Here each pass drops the same channels everywhere.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gliolabel.networks import SegmentationNetwork

_DROPOUT = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)


class PassDropout(nn.Module):
    """Channel dropout whose mask is drawn once per pass and shared by everything that the pass sees.

    Args:
        probability: of dropping a channel.
        elements: drop single values, as Keras's ``Dropout`` in reports 001 and 002. They have no counterpart in the next slice, so they
            are drawn anew for each batch, in order, from the pass's seed.
    """

    def __init__(self, probability: float, *, elements: bool = False) -> None:
        super().__init__()
        self.probability = probability
        self.elements = elements
        self._generator: torch.Generator | None = None
        self._kept: Tensor | None = None

    def begin(self, seed: int) -> None:
        """Start a pass: forget the last one's channels."""
        self._generator = torch.Generator().manual_seed(seed)
        self._kept = None

    def forward(self, x: Tensor) -> Tensor:
        if self._generator is None or self.probability == 0.0:
            return x
        if self.elements:
            return x * self._draw(x.shape).to(x)
        if self._kept is None:
            self._kept = self._draw(x.shape[1:2]).view(1, -1, *[1] * (x.ndim - 2))
        return x * self._kept.to(x)

    def _draw(self, shape: Sequence[int]) -> Tensor:
        # Drawn on the CPU in float32, so that a seed means the same on every device and in every format.
        return (torch.rand(*shape, generator=self._generator) >= self.probability).float() / (1 - self.probability)


def sampling_copy(network: SegmentationNetwork) -> SegmentationNetwork:
    """A copy in evaluation mode whose dropout modules are :class:`PassDropout`. It shares the original's weights.

    Args:
        network: the served network; it is not changed.

    Returns:
        The copy. Without dropout in the network it always answers as the network does.
    """
    memo: dict[int, object] = {id(tensor): tensor for tensor in (*network.parameters(), *network.buffers())}
    copied = copy.deepcopy(network, memo)
    copied.eval()
    for parent in list(copied.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, _DROPOUT):
                setattr(parent, name, PassDropout(child.p, elements=type(child) is nn.Dropout))
    return copied


def begin_pass(network: nn.Module, *, seed: int, index: int) -> None:
    """Draw the channels of pass ``index``: the same for the same seed, index and network, whatever ran before.

    Args:
        network: what :func:`sampling_copy` returned.
        seed: the map's seed.
        index: which pass.
    """
    layers = [module for module in network.modules() if isinstance(module, PassDropout)]
    # One stream for the pass, and from it one for each layer: layers must not drop the same channels.
    stream = torch.Generator().manual_seed((seed * 1_000_003 + index) % 2**63)
    for layer in layers:
        layer.begin(int(torch.randint(2**62, (), generator=stream)))
