"""What U-Nets with a classification network as encoder share: freezing, and the stem."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from torch import Tensor, nn

from gliolabel.networks.base import SegmentationNetwork
from gliolabel.networks.encoders.pretrained import ImageNetWeights, load_imagenet
from gliolabel.networks.initial import Initial, initialise


class EncoderUNet(SegmentationNetwork):
    """Base of the 2-D encoder U-Nets. All dropout lies in the decoder, so the encoder's features are the stem.

    Attributes:
        pretrained: True when ImageNet weights were really loaded.
        frozen_blocks: so many first blocks of the encoder keep their weights and, in training too, their batch norm statistics.
    """

    spatial_dims = 2
    pretrained = False
    frozen_blocks = 0

    def encode(self, x: Tensor) -> list[Tensor]:
        """Feature maps of the encoder, finest first."""
        raise NotImplementedError

    def blocks(self) -> list[Sequence[nn.Module]]:
        """The encoder's blocks in order, each as its modules."""
        raise NotImplementedError

    def stem(self, x: Tensor) -> tuple[Tensor, ...]:
        """The encoder's feature maps."""
        return tuple(self.encode(x))

    def train(self, mode: bool = True) -> Self:
        """As ``nn.Module``'s, but frozen blocks stay in evaluation mode: their batch norm statistics are frozen as well."""
        super().train(mode)
        for module in self._frozen():
            module.eval()
        return self

    def _begin(self, encoder: nn.Module, *, initial: Initial, weights: ImageNetWeights, pretrained: bool, frozen_blocks: int) -> None:
        """First weights of the network, ImageNet's into ``encoder``, and the freezing."""
        if not 0 <= frozen_blocks <= len(self.blocks()):
            raise ValueError(f"frozen_blocks is {frozen_blocks}; expected 0 to {len(self.blocks())}")
        initialise(self, initial)
        self.pretrained = pretrained and load_imagenet(encoder, weights)
        self.frozen_blocks = frozen_blocks
        for module in self._frozen():
            module.requires_grad_(False)
        self.train()

    def _frozen(self) -> list[nn.Module]:
        return [module for block in self.blocks()[: self.frozen_blocks] for module in block]
