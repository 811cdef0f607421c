"""What a server may hold in memory, planned at its start: itself, the cases that are open or waiting, and what is left for a pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import psutil
import torch

from gliolabel.errors import InputError, UnavailableError
from gliolabel.inference.memory import USABLE_SHARE, free_bytes

_GIB: Final = 2**30

#: Voxels of a case when nothing is known of the cases: BraTS, 240 x 240 x 155.
CASE_VOXELS: Final = 240 * 240 * 155
#: What the process holds before the first case, with PyTorch, MONAI, ITK and both networks; on a GPU CUDA's context and the networks.
_SERVER: Final = {"cpu": 1.5 * _GIB, "cuda": 0.7 * _GIB}

# Bytes per voxel of the reference grid, measured with both models on BraTS cases and rounded up by about a third.
#: A case as networks read it: float32 in four channels and the brain, if nothing could be cropped.
_PREPARED: Final = 17
#: Reading, and the results of a map of three measures by three regions: on the CPU alone.
_RESULTS: Final = 165
#: The sums of a map that was interrupted, and what its passes share.
_INTERRUPTED: Final = 30
#: A mask that waits to be sent, and its file.
_ANSWER: Final = 2

#: Prepared cases: those that are kept, a mask's, and those of a map and of a background run that were interrupted.
_PREPARED_AT_ONCE: Final = 2 + 1 + 2
_INTERRUPTED_AT_ONCE: Final = 2
#: A pass in the smallest windows.
LEAST_PASS: Final = _GIB // 4


@dataclass(frozen=True)
class MemoryPlan:
    """How the memory of a device is shared out.

    Args:
        device: ``cpu``: the main memory; ``cuda``, ``cuda:1``: a GPU's.
        total: bytes that the server holds at most.
        server: of these, what it holds before the first case.
        cases: what all cases that are open, computed or waited for hold at once.
        voxels: of the cases it was made for.
        limited: ``--conf memory`` set the total, not what was free.
    """

    device: str
    total: int
    server: int
    cases: int
    voxels: int
    limited: bool

    @property
    def one_pass(self) -> int:
        """Bytes for one pass; only one is computed at a time. Not less than the smallest windows need, also where there is too little."""
        return max(LEAST_PASS, self.total - self.server - self.cases)

    @property
    def enough(self) -> bool:
        """Whether everything fits at once."""
        return self.total >= self.server + self.cases + LEAST_PASS

    def __str__(self) -> str:
        words = (
            f"{_gib(self.total)} GiB {'by --conf memory' if self.limited else 'of what is free'}: {_gib(self.server)} the server itself, "
        )
        words += f"{_gib(self.cases)} the cases that are open or waited for, "
        return words + (f"{_gib(self.one_pass)} for a pass" if self.enough else "too little is left for a pass")

    def check(self, voxels: int, *, case_id: str) -> None:
        """Refuse a case that is too large for the plan even in the smallest windows.

        Args:
            voxels: of its reference grid.
            case_id: for the message.

        Raises:
            UnavailableError: it is.
        """
        more = max(0, voxels - self.voxels) * (_PREPARED + (_RESULTS if self.device == "cpu" else _INTERRUPTED))
        if more > self.one_pass - LEAST_PASS and more > 0:
            raise UnavailableError(
                f"case {case_id}: its {voxels} voxels need about {_gib(more)} GiB more than this server has planned for cases "
                f"of {self.voxels} voxels ({self}). Raise --conf memory, or use a larger machine."
            )


def plan_memory(device: torch.device, *, limit_gib: float | None, requests: int, voxels: int = CASE_VOXELS, server: int = 0) -> MemoryPlan:
    """Share out the memory of the device that networks run on.

    Args:
        device: the device.
        limit_gib: what the server may hold in all, ``--conf memory``; None: its share of what is free now.
        requests: requests that may wait.
        voxels: of the reference grid of the largest case.
        server: bytes this process holds already.

    Raises:
        InputError: with the limit not even the smallest windows fit.
    """
    kind = "cpu" if device.type == "cpu" else "cuda"
    itself = max(server, int(_SERVER[kind]))
    held = _INTERRUPTED_AT_ONCE * _INTERRUPTED + (
        _PREPARED_AT_ONCE * _PREPARED + _RESULTS + requests * _ANSWER if kind == "cpu" else _PREPARED
    )
    total = int(server + USABLE_SHARE * free_bytes(device)) if limit_gib is None else int(limit_gib * _GIB)
    plan = MemoryPlan(str(device), total, itself, held * voxels, voxels, limit_gib is not None)
    if limit_gib is not None and not plan.enough:
        least = plan.server + plan.cases + LEAST_PASS
        raise InputError(
            f"--conf memory {limit_gib:g}: too little for cases of {voxels} voxels. Expected at least {_gib(least)} GiB: "
            f"{_gib(plan.server)} for the server itself, {_gib(plan.cases)} for cases, {_gib(LEAST_PASS)} for a pass."
        )
    return plan


def hold(plan: MemoryPlan) -> None:
    """See that PyTorch takes no more of a GPU than planned; what needs more is computed in smaller windows. On a CPU: nothing."""
    device = torch.device(plan.device)
    if device.type == "cuda":
        whole = torch.cuda.get_device_properties(device).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, plan.total / whole), device)


def held_now() -> int:
    """Bytes of main memory this process holds (resident)."""
    return int(psutil.Process().memory_info().rss)


def _gib(size: float) -> str:
    """GiB with one digit, never 0.0 for something.

    Example:
        >>> _gib(2**30 * 1.26), _gib(5)
        ('1.3', '0.1')
    """
    return f"{max(0.1, size / _GIB):.1f}"
