"""Drawing the next batch while the network is busy with this one."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from torch import Tensor

from gliolabel.training.batches import Batch, BatchSource


class Ahead:
    """A source whose next batch is drawn in a thread, for a network on a GPU. The batches are the same: each depends on its step alone.

    Args:
        source: where they come from.
        pinned: put them into memory that the GPU reads by itself, while the processor goes on.
    """

    def __init__(self, source: BatchSource, *, pinned: bool) -> None:
        self._source, self._pinned = source, pinned
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="batches")
        self._next: tuple[int, Future[Batch]] | None = None

    @property
    def steps_per_epoch(self) -> int:
        """See :class:`~gliolabel.training.batches.BatchSource`."""
        return self._source.steps_per_epoch

    @property
    def identity(self) -> dict[str, Any]:
        """See :class:`~gliolabel.training.batches.BatchSource`."""
        return self._source.identity

    def batch(self, step: int) -> Batch:
        """See :class:`~gliolabel.training.batches.BatchSource`. What the drawing of a step raises is raised when that step is asked for."""
        if self._next is None or self._next[0] != step:
            self._next = (step, self._thread.submit(self._draw, step))
        drawn = self._next[1]
        try:
            return drawn.result()
        finally:
            self._next = (step + 1, self._thread.submit(self._draw, step + 1))

    def _draw(self, step: int) -> Batch:
        batch = self._source.batch(step)
        if not self._pinned:
            return batch
        weights: Tensor | None = None if batch.weights is None else batch.weights.pin_memory()
        return Batch(images=batch.images.pin_memory(), targets=batch.targets.pin_memory(), weights=weights, names=batch.names)
