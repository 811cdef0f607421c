"""How convolutions start, before any training."""

from __future__ import annotations

import math
from typing import Literal

from torch import Tensor, nn

Initial = Literal["he_normal", "glorot_uniform", "torch"]

_CONVOLUTIONS = (nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d)

#: Standard deviation of a standard normal distribution that is cut off at two standard deviations.
_CUT_OFF_STD = 0.87962566103423978


def he_normal_(weight: Tensor, *, fan_in: int) -> Tensor:
    """Fill with Keras's ``he_normal``: standard deviation ``sqrt(2 / fan_in)``, nothing beyond two of the normal that is cut off.

    Args:
        weight: a kernel; changed in place.
        fan_in: inputs of one output, e.g. ``27 * channels`` for a 3-D convolution of size 3.

    Returns:
        The kernel.

    Source: He et al. 2015, equation 10; report 001, section 3.3.6. ``torch.nn.init.kaiming_normal_`` does not cut off.
    """
    std = math.sqrt(2.0 / fan_in) / _CUT_OFF_STD
    return nn.init.trunc_normal_(weight, std=std, a=-2.0 * std, b=2.0 * std)


def initialise(network: nn.Module, initial: Initial) -> None:
    """Give every convolution of a network its first weights, in place. Biases become 0; other layers stay as they are.

    Args:
        network: any module.
        initial: ``he_normal`` (see :func:`he_normal_`); ``glorot_uniform``, uniform within ``sqrt(6 / (fan_in + fan_out))``, Keras's
            default; ``torch``, PyTorch's own: nothing is done to a fresh network.
    """
    if initial == "torch":
        return
    for module in network.modules():
        if not isinstance(module, _CONVOLUTIONS):
            continue
        if initial == "he_normal":
            # Transposed kernels are (in, out, *size): like Keras, and torch's own functions, the second axis counts as the inputs.
            he_normal_(module.weight, fan_in=module.weight[0].numel())
        else:
            nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
