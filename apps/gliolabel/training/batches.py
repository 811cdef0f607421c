"""What the training loop asks of its data: the batch of a step, the same however often and wherever it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from gliolabel.recipes.schema import PatchAugmentation, PatchSampling
from gliolabel.training.augmentation import augment
from gliolabel.training.cases import TrainingCase
from gliolabel.training.patches import draw_batch


@dataclass(frozen=True)
class Batch:
    """One batch, augmented, on the CPU.

    Args:
        images: float32 (batch, channels, *space).
        targets: uint8 (batch, *space), class indices, or 0 and 1.
        weights: float32 (batch, *space), the border term of the loss's weights, or None.
        names: case ids, for messages.
    """

    images: Tensor
    targets: Tensor
    weights: Tensor | None
    names: tuple[str, ...]


class BatchSource(Protocol):
    """Where batches come from.

    Attributes:
        steps_per_epoch: batches of one epoch.
        identity: what the training is made of (case ids, split), as JSON: a checkpoint of another one is refused.
    """

    @property
    def steps_per_epoch(self) -> int: ...

    @property
    def identity(self) -> dict[str, Any]: ...

    def batch(self, step: int) -> Batch:
        """The whole batch of a step (of all processes together). It depends on the seed and the step alone."""
        ...


def step_generator(seed: int, step: int) -> torch.Generator:
    """A generator of its own for every step: what a step draws does not depend on where the run was interrupted."""
    return torch.Generator().manual_seed(seed * 1_000_003 + step)


class PatchSource:
    """Patches cut at random from prepared cases: the product models' batches.

    Args:
        cases: where patches are cut from.
        sampling: patch size, batch size, planes.
        augmentation: what may change.
        seed: of all draws.
    """

    #: Patches have no epochs; progress and checkpoints are counted in these.
    steps_per_epoch = 100

    def __init__(self, cases: Sequence[TrainingCase], *, sampling: PatchSampling, augmentation: PatchAugmentation, seed: int) -> None:
        self._cases = list(cases)
        self._sampling = sampling
        self._augmentation = augmentation
        self._seed = seed

    @property
    def identity(self) -> dict[str, Any]:
        """Ids of the cases."""
        return {"cases": sorted(case.id for case in self._cases)}

    def batch(self, step: int) -> Batch:
        """See :class:`BatchSource`."""
        generator = step_generator(self._seed, step)
        images, targets = draw_batch(self._cases, sampling=self._sampling, augmentation=self._augmentation, generator=generator)
        images = augment(images, settings=self._augmentation, generator=generator)
        return Batch(images=images, targets=targets, weights=None, names=tuple(case.id for case in self._cases))
