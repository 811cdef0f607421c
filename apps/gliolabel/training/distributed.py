"""Several processes train one network as one process would: ``torchrun gliolabel train``.

Every process sees its part of the batch. Logits are gathered, so that a loss over the whole batch (such as a batch-wise Dice) is exactly
that; gradients are summed; batch normalisations take their statistics over all processes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from gliolabel.errors import InputError
from gliolabel.losses.pairs import at_least_float32

#: A process that hears nothing from another one for so long gives up.
_LONGEST_WAIT = timedelta(hours=3)


class Processes:
    """The processes of a training: this one, and how many there are.

    Args:
        rank: this process, from 0.
        count: how many.
    """

    def __init__(self, *, rank: int = 0, count: int = 1) -> None:
        self.rank, self.count = rank, count

    @classmethod
    def join(cls, device: str) -> Processes:
        """Join the processes that ``torchrun`` started, by its environment variables; without them there is one process.

        Args:
            device: ``cpu`` (gloo) or ``cuda`` (nccl).
        """
        count = int(os.environ.get("WORLD_SIZE", "1"))
        if count == 1:
            return cls()
        gpu = device.startswith("cuda")
        if gpu:
            # Else every process would speak to the others from the first GPU.
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        if not dist.is_initialized():
            # The others wait while the first one validates and writes.
            dist.init_process_group("nccl" if gpu else "gloo", timeout=_LONGEST_WAIT)
        return cls(rank=dist.get_rank(), count=dist.get_world_size())

    @property
    def local_rank(self) -> int:
        """This process's number on its machine, by which it takes its GPU."""
        return int(os.environ.get("LOCAL_RANK", "0"))

    @property
    def first(self) -> bool:
        """Whether this process writes files and speaks to people."""
        return self.rank == 0

    def check_batch(self, size: int) -> None:
        """Refuse a batch that cannot be shared out.

        Raises:
            InputError: there are more processes than samples in a batch.
        """
        if size < self.count:
            raise InputError(f"sampling.batch_size = {size} with {self.count} processes; expected at least one sample for each process")

    def mine(self, count: int) -> slice:
        """Which of ``count`` samples this process computes: all of them when there are fewer than processes."""
        if count < self.count:
            return slice(0, count)
        bounds = [round(count * part / self.count) for part in range(self.count + 1)]
        return slice(bounds[self.rank], bounds[self.rank + 1])

    def gather(self, logits: Tensor, count: int) -> Tensor:
        """The logits of all samples, in the batch's order; only this process's own carry gradients.

        Args:
            logits: (own samples, channels, *space).
            count: samples of the whole batch.
        """
        if self.count == 1 or count < self.count:
            return logits
        everything = torch.zeros((count, *logits.shape[1:]), dtype=logits.dtype, device=logits.device)
        mine = self.mine(count)
        everything[mine] = logits.detach()
        dist.all_reduce(everything)
        return torch.cat([everything[: mine.start], logits, everything[mine.stop :]])

    def add_gradients(self, parameters: Iterable[nn.Parameter], count: int) -> None:
        """Give every process the gradient of the whole batch.

        Args:
            parameters: in the same order in every process.
            count: samples of the whole batch.
        """
        if self.count == 1:
            return
        found = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in found])
        dist.all_reduce(flat)
        if count < self.count:
            flat /= self.count  # every process computed all of the batch
        for gradient, part in zip(found, flat.split([g.numel() for g in found]), strict=True):
            gradient.copy_(part.view_as(gradient))

    def agree(self, value: Any) -> Any:
        """The first process's value, in every process."""
        if self.count == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values, src=0)
        return values[0]

    def leave(self) -> None:
        """Leave the group."""
        if self.count > 1 and dist.is_initialized():
            dist.destroy_process_group()


def share_batch_norms(network: nn.Module, processes: Processes) -> nn.Module:
    """Give batch normalisations the statistics of all processes' samples, in place. Parameters and their names stay.

    PyTorch's SyncBatchNorm does the same, on GPUs only.
    """
    if processes.count > 1:
        for module in network.modules():
            if isinstance(module, _BatchNorm):
                # The layer's own class decides how it computes; its tensors stay where they are, under the same names.
                module.__class__ = SharedBatchNorm
    return network


class SharedBatchNorm(_BatchNorm):
    """Batch normalisation over the samples of all processes."""

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002 - PyTorch's name
        if input.ndim < 2:
            raise ValueError(f"expected at least two axes, got {input.ndim}")

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        axes = (0, *range(2, x.ndim))
        values = at_least_float32(x)
        count = torch.full((1,), float(values.numel() // values.shape[1]), device=x.device, dtype=values.dtype)
        sums = _sum(torch.cat([values.sum(axes), count]))
        mean = sums[:-1] / sums[-1]
        shape = (1, -1, *[1] * (x.ndim - 2))
        spread = _sum((values - mean.view(shape)).square().sum(axes))
        variance = spread / sums[-1]
        if self.track_running_stats and self.running_mean is not None and self.running_var is not None:
            with torch.no_grad():
                share = self.momentum or 0.0
                self.running_mean.lerp_(mean.detach(), share)
                self.running_var.lerp_(variance.detach() * sums[-1].detach() / (sums[-1].detach() - 1), share)
                if self.num_batches_tracked is not None:
                    self.num_batches_tracked.add_(1)
        out = (values - mean.view(shape)) / (variance.view(shape) + self.eps).sqrt()
        if self.affine:
            out = out * self.weight.view(shape) + self.bias.view(shape)
        return out.to(x.dtype)


class _Sum(torch.autograd.Function):
    """The sum over all processes; the gradient of each is the sum of what every process makes of it."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        total = value.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        dist.all_reduce(total)
        return total


def _sum(value: Tensor) -> Tensor:
    total: Tensor = _Sum.apply(value)
    return total
