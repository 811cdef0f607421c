"""Which floating-point format to compute in: bf16 where the hardware is built for it, float32 elsewhere."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Precision:
    """A device and the format of its convolutions.

    Args:
        device: where the network runs.
        dtype: ``torch.float32``, or the format that autocast uses for convolutions.
    """

    device: torch.device
    dtype: torch.dtype

    def __str__(self) -> str:
        return f"{self.device} ({str(self.dtype).removeprefix('torch.')})"

    def autocast(self) -> AbstractContextManager[object]:
        """Context in which convolutions run in :attr:`dtype`; weights stay float32."""
        if self.dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self.dtype)


def cpu_bf16() -> str:
    """The instructions by which this CPU computes bf16: ``"AMX"``, ``"AVX-512"`` (AMD from Zen 4 on), or ``""`` without any.

    Without such instructions bf16 is emulated, slower than float32.
    """
    if torch.cpu._is_amx_tile_supported():
        return "AMX"
    return "AVX-512" if torch.cpu._is_avx512_bf16_supported() else ""


def best_precision(device: torch.device) -> Precision:
    """bf16 on CPUs that compute it (:func:`cpu_bf16`) and on GPUs from Ampere on, float16 on older GPUs, float32 on all else."""
    if device.type == "cuda":
        return Precision(device, torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16)
    if device.type == "cpu" and cpu_bf16():
        return Precision(device, torch.bfloat16)
    return Precision(device, torch.float32)
