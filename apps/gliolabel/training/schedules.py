"""Learning rate over time, as a share of the recipe's."""

from __future__ import annotations

import math
from typing import Any

from gliolabel.recipes.schema import OneCycleSchedule, PlateauSchedule, Schedule, StepDecaySchedule, WarmupCosineSchedule


def learning_rate_share(step: int, *, steps: int, warmup_share: float) -> float:
    """Share of the highest learning rate at a step: linear up over the warm-up, then half a cosine down to 0."""
    warmup = max(1, round(steps * warmup_share))
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def warmup_cosine_share(step: int, *, steps: int, warmup_share: float) -> float:
    """Share of the target learning rate at a step: ``step / W`` below ``W``, then ``(1 + cos(pi (step - W) / (N - W))) / 2``.

    Args:
        step: 0 to ``steps - 1``; the share of step 0 is 0.
        steps: N, the length of the schedule.
        warmup_share: W as a share of N.

    Source: report 001, equations 4 and 5.
    """
    warmup = round(steps * warmup_share)
    if step < warmup:
        return step / warmup
    return (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup))) / 2


class LearningRate:
    """The learning rate of a training.

    Args:
        section: the recipe's schedule.
        highest: the recipe's learning rate.
        steps: of the whole training.
        steps_per_epoch: of one epoch.
    """

    def __init__(self, section: Schedule, *, highest: float, steps: int, steps_per_epoch: int) -> None:
        self._section, self._highest = section, highest
        self._steps, self._steps_per_epoch = steps, steps_per_epoch
        self._plateau = Plateau(section, highest=highest) if isinstance(section, PlateauSchedule) else None

    def at(self, step: int) -> float:
        """The learning rate of a step."""
        section, steps = self._section, self._steps
        if isinstance(section, OneCycleSchedule):
            return self._highest * learning_rate_share(step, steps=steps, warmup_share=section.warmup_share)
        if isinstance(section, StepDecaySchedule):
            return self._highest * section.factor ** (step // self._steps_per_epoch // section.epochs)
        if isinstance(section, WarmupCosineSchedule):
            if section.restart_every_epochs is not None:
                steps = min(steps, section.restart_every_epochs * self._steps_per_epoch)
            return self._highest * warmup_cosine_share(step % steps, steps=steps, warmup_share=section.warmup_share)
        return self._highest if self._plateau is None else self._plateau.rate

    @property
    def needs_validation(self) -> bool:
        """Whether the schedule follows the validation loss."""
        return self._plateau is not None

    def epoch_ended(self, validation_loss: float | None) -> None:
        """Tell it the validation loss of the epoch that ended."""
        if self._plateau is not None and validation_loss is not None:
            self._plateau.epoch_ended(validation_loss)

    def state(self) -> dict[str, Any]:
        """What a checkpoint needs."""
        return {} if self._plateau is None else self._plateau.state()

    def load(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`."""
        if self._plateau is not None:
            self._plateau.load(state)


class Plateau:
    """Keras's ReduceLROnPlateau: lower the rate when the number of epochs without a better loss *reaches* the patience.

    PyTorch's own acts when it *exceeds* the patience. A loss is better when it is below the best by more than ``smallest_change``.

    Args:
        section: factor, patience, smallest change and smallest rate.
        highest: the rate to begin with.

    Source: keras.callbacks.ReduceLROnPlateau, cooldown 0; report 003 (factor 0.5, patience 2), report 002.
    """

    def __init__(self, section: PlateauSchedule, *, highest: float) -> None:
        self._section = section
        self.rate = highest
        self._best = math.inf
        self._waited = 0

    def epoch_ended(self, loss: float) -> None:
        """Tell it the loss of the epoch that ended."""
        if loss < self._best - self._section.smallest_change:
            self._best, self._waited = loss, 0
            return
        self._waited += 1
        if self._waited >= self._section.patience:
            self.rate = max(self.rate * self._section.factor, min(self.rate, self._section.smallest_rate))
            self._waited = 0

    def state(self) -> dict[str, Any]:
        """See :meth:`LearningRate.state`."""
        return {"rate": self.rate, "best": self._best, "waited": self._waited}

    def load(self, state: dict[str, Any]) -> None:
        """See :meth:`LearningRate.load`."""
        self.rate, self._best, self._waited = state["rate"], state["best"], state["waited"]
