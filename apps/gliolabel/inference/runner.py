"""Running a network over a whole image where it fits: on the device, in smaller parts, at last on the CPU."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

import torch
from torch import Tensor

from gliolabel.inference.memory import WINDOWS, window_for
from gliolabel.inference.precision import Precision, best_precision
from gliolabel.inference.volume_pass import slices_2d, whole_volume_3d, windows_3d
from gliolabel.networks import SegmentationNetwork
from gliolabel.recipes import Recipe

#: Called between parts of the work; raises whatever should stop it.
Checkpoint = Callable[[], None]

AnyNetwork = TypeVar("AnyNetwork", bound=SegmentationNetwork)


def between(lock: threading.Lock, checkpoint: Checkpoint | None) -> Checkpoint | None:
    """A checkpoint for work under a lock, which is open while ``checkpoint`` runs: that may wait for others who need the lock."""
    if checkpoint is None:
        return None

    def unlocked() -> None:
        lock.release()
        try:
            checkpoint()
        finally:
            lock.acquire()

    return unlocked


@dataclass(frozen=True)
class Job:
    """One run of a network over an image.

    Args:
        network: the network.
        image: float32 (4, d, h, w).
        planes: for a 2-D network.
        warnings: where sentences for the reader go.
        cancel: called between parts of the work.
    """

    network: SegmentationNetwork
    image: Tensor
    planes: tuple[str, ...]
    warnings: list[str] = field(default_factory=list)
    cancel: Checkpoint | None = None

    def warn(self, text: str) -> None:
        """Say something once."""
        if text not in self.warnings:
            self.warnings.append(text)


class Runner:
    """Where and how networks of one recipe run.

    Args:
        recipe: the recipe.
        device: the device.
        precision: format of the convolutions; by default the best for the device.
        memory_gib: GiB that one run may take; by default what is free.
    """

    def __init__(self, recipe: Recipe, *, device: torch.device, precision: torch.dtype | None, memory_gib: float | None) -> None:
        self._recipe, self._device, self._memory_gib = recipe, device, memory_gib
        self.precision = best_precision(device) if precision is None else Precision(device, precision)

    def place(self, network: AnyNetwork, device: torch.device | None = None) -> AnyNetwork:
        """The network, moved (in place) to a device, by default the runner's, in the memory layout that is fastest."""
        network.to(memory_format=torch.channels_last_3d if network.spatial_dims == 3 else torch.channels_last)
        return network.to(device or self._device)

    def release(self) -> None:
        """Give back what PyTorch keeps for the next run: other programs share the GPU between two clicks."""
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def window(self, image: Tensor) -> int | None:
        """Edge of the windows in which a 3-D network sees an image (channels, d, h, w); None: all of it at once."""
        return window_for(self._recipe, tuple(image.shape[1:]), device=self._device, limit_gib=self._memory_gib)

    def run(self, job: Job) -> Tensor:
        """Class probabilities on the CPU; on a GPU out of memory in smaller parts, and at last on the CPU."""
        window = self.window(job.image) if job.network.spatial_dims == 3 else None
        while True:
            try:
                return self._attempt(job, window=window)
            except torch.cuda.OutOfMemoryError:
                pass
            # Outside the handler: the exception's frames hold the tensors that filled the memory.
            torch.cuda.empty_cache()
            smaller = [w for w in WINDOWS if window is None or w < window]
            if job.network.spatial_dims == 3 and smaller:
                window = smaller[0]
            else:
                return self._on_cpu(job, window=window)

    def _attempt(self, job: Job, *, window: int | None, precision: Precision | None = None) -> Tensor:
        precision = precision or self.precision
        if job.network.spatial_dims == 2:
            return slices_2d(job.network, job.image, planes=job.planes, precision=precision, pause=job.cancel)
        if job.cancel is not None:
            job.cancel()
        if window is None:
            return whole_volume_3d(job.network, job.image, precision=precision).cpu()
        job.warn(f"memory is short: segmented in overlapping windows of {window} voxels instead of one pass")
        return windows_3d(job.network, job.image, window=window, precision=precision, stitch_on=torch.device("cpu"), pause=job.cancel)

    def _on_cpu(self, job: Job, *, window: int | None) -> Tensor:
        job.warn(f"{self._device} is out of memory: segmented on the CPU, which is slower")
        cpu = torch.device("cpu")
        try:
            # No checkpoint: another thread that used the network meanwhile would find it in the wrong place.
            moved = replace(job, network=self.place(job.network, cpu), cancel=None)
            return self._attempt(moved, window=window, precision=best_precision(cpu))
        finally:
            self.place(job.network)
