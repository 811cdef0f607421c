"""Batch normalisation folded into the convolution before it, for inference."""

from __future__ import annotations

from itertools import pairwise
from typing import TypeVar

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils.fusion import fuse_conv_bn_eval

AnyModule = TypeVar("AnyModule", bound=nn.Module)

#: Children of a block of which the second follows the first and nothing lies between.
_PAIRS = (("conv1", "norm1"), ("conv2", "norm2"))


def fold_batch_norms(network: AnyModule) -> AnyModule:
    """Put every batch normalisation that directly follows a convolution into that convolution's weights, in place.

    With its running statistics a batch normalisation is a scale and a shift per channel, so the network gives the same numbers but for
    rounding, and faster: nothing is left to do where the normalisation stood. The network cannot be trained afterwards.

    Args:
        network: in evaluation mode.

    Returns:
        The same network.

    Raises:
        ValueError: the network is in training mode.
    """
    if network.training:
        raise ValueError("the network is in training mode; call eval() first: folding uses the running statistics")
    for module in network.modules():
        children = dict(module.named_children())
        pairs = list(pairwise(children)) if isinstance(module, nn.Sequential) else _PAIRS
        for first, second in pairs:
            convolution, norm = children.get(first), children.get(second)
            if isinstance(convolution, _ConvNd) and isinstance(norm, _BatchNorm):
                setattr(module, first, fuse_conv_bn_eval(convolution, norm, transpose=convolution.transposed))
                setattr(module, second, nn.Identity().eval())
    return network
