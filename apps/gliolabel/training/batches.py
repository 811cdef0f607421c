"""What the training loop asks of its data: the batch of a step, the same however often and wherever it is asked for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from gliolabel.errors import InputError
from gliolabel.recipes.schema import Augmentation, PatchAugmentation, PatchSampling, WholeSampling
from gliolabel.training.augmentation import augment
from gliolabel.training.augmentations import augment_batch
from gliolabel.training.cases import TrainingCase
from gliolabel.training.patches import draw_batch
from gliolabel.training.samples import SampleSet


@dataclass(frozen=True)
class Batch:
    """One batch, augmented, on the CPU.

    Args:
        images: float32 (batch, channels, *space).
        targets: uint8 (batch, *space), class indices, or 0 and 1.
        weights: float32 (batch, *space), the border term of the loss's weights, or None.
        names: the case that each sample of the batch is of, for messages.
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
        weights: how often each case is drawn in proportion to the others, by id; None: all equally often.

    Raises:
        InputError: a weight is missing or not above 0.
    """

    #: Patches have no epochs; progress and checkpoints are counted in these.
    steps_per_epoch = 100

    def __init__(
        self,
        cases: Sequence[TrainingCase],
        *,
        sampling: PatchSampling,
        augmentation: PatchAugmentation,
        seed: int,
        weights: Mapping[str, float] | None = None,
    ) -> None:
        self._cases = list(cases)
        self._weights = None if weights is None else {case.id: weights.get(case.id, 0.0) for case in self._cases}
        wrong = [case_id for case_id, weight in (self._weights or {}).items() if not 0 < weight < math.inf]
        if wrong:
            raise InputError(f"case {wrong[0]}: has the weight {(weights or {}).get(wrong[0])}, expected a number above 0")
        self._sampling = sampling
        self._augmentation = augmentation
        self._seed = seed

    @property
    def identity(self) -> dict[str, Any]:
        """Ids of the cases, and their weights if they have any."""
        return {"cases": sorted(case.id for case in self._cases), **({} if self._weights is None else {"weights": self._weights})}

    def batch(self, step: int) -> Batch:
        """See :class:`BatchSource`."""
        generator = step_generator(self._seed, step)
        weights = None if self._weights is None else torch.tensor([self._weights[case.id] for case in self._cases])
        images, targets, names = draw_batch(
            self._cases, sampling=self._sampling, augmentation=self._augmentation, generator=generator, weights=weights
        )
        images = augment(images, settings=self._augmentation, generator=generator)
        return Batch(images=images, targets=targets, weights=None, names=names)


class WholeSource:
    """Whole samples, each once in a round through all of them, every round in a new random order.

    Args:
        samples: the training samples.
        sampling: batch size, and what an epoch is.
        augmentation: what may change.
        seed: of orders and changes.

    Raises:
        InputError: there are no samples, fewer than a batch with ``drop_last``, or the augmentation is that of patches.
    """

    def __init__(self, samples: SampleSet, *, sampling: WholeSampling, augmentation: Augmentation, seed: int) -> None:
        if not len(samples):
            raise InputError("training: no sample was given; expected at least one")
        if isinstance(augmentation, PatchAugmentation):
            raise InputError("augmentation.kind patches is for sampling.kind patches; sampling.kind whole takes none or one of the others")
        size = sampling.batch_size
        #: Batches of one round through all samples.
        self._round = len(samples) // size if sampling.drop_last else -(-len(samples) // size)
        if not self._round:
            raise InputError(
                f"sampling.batch_size = {size} with sampling.drop_last leaves no batch of {len(samples)} samples; expected at most "
                f"{len(samples)}. Give more cases or a smaller batch size"
            )
        self._samples = samples
        self._sampling = sampling
        self._augmentation = augmentation
        self._seed = seed

    @property
    def steps_per_epoch(self) -> int:
        """``sampling.steps_per_epoch``, or the batches of one round."""
        return self._sampling.steps_per_epoch or self._round

    @property
    def identity(self) -> dict[str, Any]:
        """Case and slice of every sample."""
        return {"samples": [[case_id, number] for case_id, number in self._samples.keys]}

    def indices(self, step: int) -> list[int]:
        """Which samples the batch of a step holds."""
        order = _order(len(self._samples), seed=self._seed, turn=step // self._round)
        start = step % self._round * self._sampling.batch_size
        return order[start : start + self._sampling.batch_size]

    def batch(self, step: int) -> Batch:
        """See :class:`BatchSource`.

        Raises:
            InputError: a sample cannot be read, or samples differ in size; the message names the case.
        """
        chosen = [self._samples[index] for index in self.indices(step)]
        for sample in chosen:
            if tuple(sample.image.shape[1:]) != self._sampling.patch:
                raise InputError(
                    f"case {sample.case_id}: a sample has {_size(sample.image.shape[1:])} pixels after preprocessing, sampling.patch says "
                    f"{_size(self._sampling.patch)}. Make both agree: with a step such as resize, crop or pad, or with sampling.patch"
                )
        weights = [sample.weight for sample in chosen if sample.weight is not None]
        images, targets, changed = augment_batch(
            self._augmentation,
            torch.stack([sample.image for sample in chosen]),
            torch.stack([sample.target for sample in chosen]),
            torch.stack(weights) if weights else None,
            step_generator(self._seed, step),
        )
        return Batch(images=images, targets=targets, weights=changed, names=tuple(sample.case_id for sample in chosen))


@lru_cache(maxsize=4)
def _order(count: int, *, seed: int, turn: int) -> list[int]:
    """The random order of one round: of the seed and the round alone."""
    order: list[int] = np.random.default_rng([seed, turn]).permutation(count).tolist()
    return order


def _size(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))
