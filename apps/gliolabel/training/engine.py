"""The training loop: one for every recipe. Deterministic by step, so that a resumed run is the uninterrupted run."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gliolabel.errors import GlioLabelError, InputError
from gliolabel.inference.precision import Precision, best_precision
from gliolabel.losses import region_loss
from gliolabel.recipes import Recipe, build_network
from gliolabel.recipes.schema import OneCycleSchedule, PatchAugmentation, PatchSampling, RegionLoss
from gliolabel.training.batches import PatchSource, step_generator
from gliolabel.training.cases import TrainingCase
from gliolabel.training.checkpoint import read_checkpoint, write_checkpoint

#: Consecutive batches without a finite loss after which a training is given up.
MOST_BAD_BATCHES = 20


@dataclass(frozen=True)
class Progress:
    """Where a training stands."""

    step: int
    steps: int
    loss: float
    seconds_left: float


def learning_rate_share(step: int, *, steps: int, warmup_share: float) -> float:
    """Share of the highest learning rate at a step: linear up over the warm-up, then half a cosine down to 0."""
    warmup = max(1, round(steps * warmup_share))
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


class Training:
    """A training run that can be stopped at any moment and resumed.

    Args:
        recipe: what to train.
        cases: the training cases.
        folder: where the checkpoint lies. An existing checkpoint of the same recipe and cases is continued.
        device: where to train.
        initial: weights to start from instead of random ones.
        steps: optimiser steps, by default the recipe's.
        checkpoint_every: steps between checkpoints.

    Raises:
        InputError: no cases, or the folder's checkpoint belongs to another training.
    """

    def __init__(
        self,
        recipe: Recipe,
        cases: Sequence[TrainingCase],
        *,
        folder: Path,
        device: str = "cpu",
        initial: Mapping[str, Tensor] | None = None,
        steps: int | None = None,
        checkpoint_every: int = 100,
    ) -> None:
        if not cases:
            raise InputError("training: no case with a label was given; expected at least one")
        if not isinstance(recipe.sampling, PatchSampling) or not isinstance(recipe.augmentation, PatchAugmentation):
            raise InputError(f"recipe {recipe.name}: sampling.kind and augmentation.kind must be patches")
        if not isinstance(recipe.loss, RegionLoss) or not isinstance(recipe.schedule, OneCycleSchedule):
            raise InputError(f"recipe {recipe.name}: loss.kind must be regions, schedule.kind one_cycle")
        self.recipe = recipe
        self.cases = list(cases)
        self._source = PatchSource(cases, sampling=recipe.sampling, augmentation=recipe.augmentation, seed=recipe.seed)
        self._loss, self._schedule = recipe.loss, recipe.schedule
        self.folder = folder
        self.device = torch.device(device)
        self.steps: int = steps or recipe.steps or 0
        self.step = 0
        self.losses: list[float] = []
        self._checkpoint_every = checkpoint_every
        torch.manual_seed(recipe.seed)
        self.network = build_network(recipe.network)
        if initial is not None:
            self.network.load_state_dict({name: tensor.float() for name, tensor in initial.items()})
        dims = len(recipe.sampling.patch)
        self._layout = torch.channels_last if dims == 2 else torch.channels_last_3d
        self.network.to(memory_format=self._layout)
        self.network.to(self.device)
        self.mean = copy.deepcopy(self.network).eval()
        self._optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=recipe.optimiser.learning_rate, weight_decay=recipe.optimiser.weight_decay
        )
        self._precision: Precision = best_precision(self.device)
        self._bad_batches = 0
        self._resume()

    @property
    def _identity(self) -> dict[str, Any]:
        return {"recipe": self.recipe.model_dump(mode="json"), "cases": sorted(c.id for c in self.cases), "steps": self.steps}

    @property
    def checkpoint_path(self) -> Path:
        """The checkpoint file."""
        return self.folder / "checkpoint.pt"

    def run(self, report: Callable[[Progress], None] | None = None) -> dict[str, Tensor]:
        """Train to the last step.

        Args:
            report: called after every step.

        Returns:
            The running mean of the weights (a state dict on the CPU), which is the trained model.

        Raises:
            GlioLabelError: the loss was not finite for :data:`MOST_BAD_BATCHES` batches in a row; the last checkpoint is kept.
        """
        began, first = time.monotonic(), self.step
        while self.step < self.steps:
            loss = self._one_step()
            self.losses.append(loss)
            self.step += 1
            if self.step % self._checkpoint_every == 0 or self.step == self.steps:
                self._save()
            if report is not None:
                per_step = (time.monotonic() - began) / (self.step - first)
                report(Progress(step=self.step, steps=self.steps, loss=loss, seconds_left=per_step * (self.steps - self.step)))
        return {name: tensor.detach().cpu() for name, tensor in self.mean.state_dict().items()}

    def _one_step(self) -> float:
        settings = self.recipe.optimiser
        batch = self._source.batch(self.step)
        torch.manual_seed(step_generator(self.recipe.seed, self.step).initial_seed())  # dropout
        for group in self._optimiser.param_groups:
            group["lr"] = settings.learning_rate * learning_rate_share(
                self.step, steps=self.steps, warmup_share=self._schedule.warmup_share
            )
        images = batch.images.to(self.device, memory_format=self._layout)
        self.network.train()
        with self._precision.autocast():
            logits = self.network(images)
        loss = region_loss(logits, batch.targets.to(self.device), dice=self._loss.dice, cross_entropy=self._loss.cross_entropy)
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), settings.gradient_norm or math.inf)
        if math.isfinite(float(norm)):
            self._bad_batches = 0
            self._optimiser.step()
            self._follow_mean(settings.mean_decay or 0.0)
        else:
            self._bad_batches += 1
            if self._bad_batches >= MOST_BAD_BATCHES:
                raise GlioLabelError(
                    f"training {self.recipe.name}: the loss was not finite for {self._bad_batches} batches in a row at step {self.step}; "
                    f"lower optimiser.learning_rate (now {settings.learning_rate:g}). The last good checkpoint is {self.checkpoint_path}."
                )
        return float(loss.detach())

    @torch.no_grad()
    def _follow_mean(self, decay: float) -> None:
        # Early on the mean would be of the random start: let it follow faster.
        share = 1 - min(decay, (1 + self.step) / (10 + self.step))
        current = self.network.state_dict()
        for name, tensor in self.mean.state_dict().items():
            if tensor.is_floating_point():
                tensor.lerp_(current[name], share)
            else:
                tensor.copy_(current[name])

    def _save(self) -> None:
        write_checkpoint(
            self.checkpoint_path,
            {
                "identity": self._identity,
                "step": self.step,
                "network": self.network.state_dict(),
                "mean": self.mean.state_dict(),
                "optimiser": self._optimiser.state_dict(),
                "losses": self.losses,
            },
        )

    def _resume(self) -> None:
        state = read_checkpoint(self.checkpoint_path)
        if state is None:
            return
        if state["identity"] != self._identity:
            raise InputError(
                f"checkpoint {self.checkpoint_path} belongs to another training (recipe, cases or steps differ); "
                "give another output folder, or delete the checkpoint to start anew"
            )
        self.network.load_state_dict(state["network"])
        self.mean.load_state_dict(state["mean"])
        self._optimiser.load_state_dict(state["optimiser"])
        self.step = state["step"]
        self.losses = list(state["losses"])
