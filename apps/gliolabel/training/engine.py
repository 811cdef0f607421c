"""The training loop: one for every recipe. Deterministic by step, so that a resumed run is the uninterrupted run."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gliolabel.errors import GlioLabelError, InputError
from gliolabel.inference.precision import Precision, best_precision
from gliolabel.losses.building import build_loss
from gliolabel.metrics.building import build_score
from gliolabel.recipes import Recipe, build_network
from gliolabel.training.ahead import Ahead
from gliolabel.training.batches import Batch, BatchSource, step_generator
from gliolabel.training.checkpoint import read_checkpoint, write_checkpoint
from gliolabel.training.distributed import Processes, share_batch_norms
from gliolabel.training.samples import SampleSet
from gliolabel.training.schedules import LearningRate
from gliolabel.training.stopping import Best, EarlyStopping
from gliolabel.training.validation import validate

#: Consecutive batches without a finite gradient after which a training is given up. One may be an unlucky draw in half precision: it
#: is left out, and the weights stay as they are.
MOST_BAD_BATCHES = 20


@dataclass(frozen=True)
class Epoch:
    """A finished epoch.

    Args:
        epoch: its number, from 1.
        step: steps done at its end.
        loss: mean training loss, on augmented batches, with dropout.
        learning_rate: of its last step.
        validation_loss: see :class:`~gliolabel.training.validation.Validation`; None without validation samples.
        score: the recipe's score on the validation samples.
        score_with_tumour: the same on those with tumour.
    """

    epoch: int
    step: int
    loss: float
    learning_rate: float
    validation_loss: float | None = None
    score: float | None = None
    score_with_tumour: float | None = None


@dataclass(frozen=True)
class Progress:
    """Where a training stands.

    Args:
        step: steps done.
        steps: steps of the whole training.
        loss: of the last step.
        seconds_left: at the speed so far.
        ended: the epoch that ended with this step, if one did.
        epochs: epochs of the whole training.
    """

    step: int
    steps: int
    loss: float
    seconds_left: float
    ended: Epoch | None
    epochs: int


class Training:
    """A training run that can be stopped at any moment and resumed.

    Args:
        recipe: what to train.
        source: the batches.
        folder: where the checkpoint lies. An existing checkpoint of the same training is continued.
        validation: samples on which each epoch ends with a validation.
        score_cases: instead of it, for recipes that train on patches: the score of a network on whole cases, with which each epoch ends.
        device: where to train.
        initial: weights to start from instead of random ones.
        epochs: epochs, instead of the recipe's steps or epochs; or
        steps: optimiser steps.
        class_weights: of background and tumour, for a loss with balanced ones.
        checkpoint_every: steps between checkpoints; by default an epoch.
        processes: who trains together.

    Raises:
        InputError: the folder's checkpoint belongs to another training, or the recipe needs validation samples and there are none.
        ValueError: the loss needs class weights and there are none.
    """

    def __init__(
        self,
        recipe: Recipe,
        source: BatchSource,
        *,
        folder: Path,
        validation: SampleSet | None = None,
        score_cases: Callable[[nn.Module], float] | None = None,
        device: str = "cpu",
        initial: Mapping[str, Tensor] | None = None,
        epochs: int | None = None,
        steps: int | None = None,
        class_weights: tuple[float, float] | None = None,
        checkpoint_every: int | None = None,
        processes: Processes | None = None,
    ) -> None:
        self.recipe = recipe
        self.folder = folder
        self.device = torch.device(device)
        self.steps = steps or _steps(recipe, source, epochs)
        self.step = 0
        #: Loss of every step.
        self.losses: list[float] = []
        #: What every finished epoch brought.
        self.history: list[Epoch] = []
        # On the CPU the drawing would only take its cores away from the network.
        self._source = Ahead(source, pinned=True) if self.device.type == "cuda" else source
        self._validation = validation if validation is not None and len(validation) else None
        self._score_cases = score_cases
        self._processes = processes or Processes()
        self._processes.check_batch(recipe.sampling.batch_size)
        self._checkpoint_every = checkpoint_every or source.steps_per_epoch
        self._loss = build_loss(recipe.loss, class_weights=class_weights)
        self._score = build_score(recipe.score, threshold=recipe.inference.threshold)
        state = read_checkpoint(self.checkpoint_path)
        torch.manual_seed(recipe.seed)
        self.network = build_network(recipe.network, pretrained=initial is None and state is None)
        if initial is not None:
            self.network.load_state_dict({name: tensor.float() for name, tensor in initial.items()})
        self._layout = torch.channels_last if recipe.network.spatial_dims == 2 else torch.channels_last_3d
        self.network.to(memory_format=self._layout)
        self.network.to(self.device)
        self.mean = copy.deepcopy(self.network).eval() if recipe.optimiser.mean_decay is not None else None
        share_batch_norms(self.network, self._processes)
        self._optimiser = _optimiser(recipe, self.network)
        self._rate = LearningRate(
            recipe.schedule, highest=recipe.optimiser.learning_rate, steps=self.steps, steps_per_epoch=source.steps_per_epoch
        )
        self._stopping = EarlyStopping(None if recipe.stopping is None else recipe.stopping.patience)
        self._best = Best(largest=recipe.keep == "best_score")
        self._stopped = False
        self._precision: Precision = best_precision(self.device)
        # float16 has no room for small gradients: they are scaled up. Does nothing in the other formats.
        self._scaler = torch.amp.GradScaler(self.device.type, enabled=self._precision.dtype == torch.float16)
        self._bad_batches = 0
        if self._validation is None and (recipe.keep.startswith("best") or recipe.stopping is not None or self._rate.needs_validation):
            raise InputError(
                f"recipe {recipe.name}: keep {recipe.keep}, stopping or schedule follow a validation, and there are no validation samples. "
                "Set data.split.take with a validation part, or keep=last, schedule.kind=constant and stopping=null"
            )
        if state is not None:
            self._resume(state)

    @property
    def _identity(self) -> dict[str, Any]:
        held = [] if self._validation is None else [[case_id, number] for case_id, number in self._validation.keys]
        recipe = self.recipe.model_dump(mode="json", exclude={"variants"})
        return {"recipe": recipe, "source": self._source.identity, "validation": held, "steps": self.steps}

    @property
    def checkpoint_path(self) -> Path:
        """The checkpoint file."""
        return self.folder / "checkpoint.pt"

    @property
    def learning_rate(self) -> float:
        """Of the last step."""
        return self._rate.at(max(0, self.step - 1))

    @property
    def precision(self) -> Precision:
        """The device and the format of the convolutions."""
        return self._precision

    @property
    def kept_epoch(self) -> int | None:
        """The epoch whose weights are the trained model so far, when the recipe keeps the best."""
        return self._best.epoch or None

    def run(self, report: Callable[[Progress], None] | None = None) -> dict[str, Tensor]:
        """Train to the last step, or until the recipe stops early.

        Args:
            report: called after every step, in the first process. What it raises ends the run; the last checkpoint is kept.

        Returns:
            The weights that the recipe keeps, a state dict on the CPU.

        Raises:
            GlioLabelError: no finite gradient for :data:`MOST_BAD_BATCHES` batches in a row; names the cases.
            InputError: a case cannot be read; names it.
            UnavailableError: the checkpoint cannot be written. In all three the last checkpoint is kept.
        """
        began, first = time.monotonic(), self.step
        while self.step < self.steps and not self._stopped:
            loss = self._one_step()
            self.losses.append(loss)
            self.step += 1
            ended = None
            if self.step % self._source.steps_per_epoch == 0 or self.step == self.steps:
                ended = self._end_epoch()
            if (self.step % self._checkpoint_every == 0 or self.step == self.steps or self._stopped) and self._processes.first:
                self._save()
            if report is not None and self._processes.first:
                left = (time.monotonic() - began) / (self.step - first) * (self.steps - self.step)
                epochs = -(-self.steps // self._source.steps_per_epoch)
                report(Progress(step=self.step, steps=self.steps, loss=loss, seconds_left=left, ended=ended, epochs=epochs))
        return self._kept()

    def _one_step(self) -> float:
        batch = self._read()
        count = len(batch.images)
        mine = self._processes.mine(count)
        # A seed of its own for every step and process: what a step drops does not depend on where the run was interrupted.
        torch.manual_seed(step_generator(self.recipe.seed, self.step).initial_seed() + 7919 * self._processes.rank)
        for group in self._optimiser.param_groups:
            group["lr"] = self._rate.at(self.step)
        images = batch.images[mine].to(self.device, non_blocking=True, memory_format=self._layout)
        targets = batch.targets.to(self.device, non_blocking=True)
        weights = None if batch.weights is None else batch.weights.to(self.device, non_blocking=True)
        # Running statistics follow in the forward pass, before anybody knows whether the batch is any good.
        statistics = [buffer.clone() for buffer in self.network.buffers()]
        self.network.train()
        with self._precision.autocast():
            logits = self.network(images)
        logits = self._processes.gather(logits.float(), count)
        loss = self._loss(logits, targets, weights)
        self._optimiser.zero_grad(set_to_none=True)
        self._scaler.scale(loss).backward()
        trained = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        self._processes.add_gradients(trained, count)
        self._scaler.unscale_(self._optimiser)
        norm = nn.utils.clip_grad_norm_(trained, self.recipe.optimiser.gradient_norm or math.inf)
        if math.isfinite(float(norm)):
            self._bad_batches = 0
            self._scaler.step(self._optimiser)
            self._follow_mean()
        else:
            self._leave_out(batch, statistics)
        self._scaler.update()
        return float(loss.detach())

    def _read(self) -> Batch:
        try:
            return self._source.batch(self.step)
        except InputError as error:
            raise InputError(f"{error} The training stopped at step {self.step}; {self._last_good()}") from error

    @torch.no_grad()
    def _leave_out(self, batch: Batch, statistics: list[Tensor]) -> None:
        for buffer, before in zip(self.network.buffers(), statistics, strict=True):
            buffer.copy_(before)
        self._bad_batches += 1
        if self._bad_batches >= MOST_BAD_BATCHES:
            names = ", ".join(sorted(set(batch.names)))
            raise GlioLabelError(
                f"training {self.recipe.name}: the loss was not finite for {self._bad_batches} batches in a row at step {self.step} (the "
                f"last had cases {names}); look at these cases, or lower optimiser.learning_rate (now {self._rate.at(self.step):g}). "
                f"{self._last_good().capitalize()}"
            )

    def _last_good(self) -> str:
        if not self.checkpoint_path.exists():
            return "there is no checkpoint yet."
        return f"the last good checkpoint is {self.checkpoint_path}: mend the cause and go on with --resume."

    @torch.no_grad()
    def _follow_mean(self) -> None:
        decay = self.recipe.optimiser.mean_decay
        if self.mean is None or decay is None:
            return
        # Early on the mean would be of the random start: let it follow faster.
        share = 1 - min(decay, (1 + self.step) / (10 + self.step))
        current = self.network.state_dict()
        for name, tensor in self.mean.state_dict().items():
            if tensor.is_floating_point():
                tensor.lerp_(current[name], share)
            else:
                tensor.copy_(current[name])

    def _end_epoch(self) -> Epoch:
        first = self.history[-1].step if self.history else 0
        ended = Epoch(
            epoch=len(self.history) + 1,
            step=self.step,
            loss=sum(self.losses[first:]) / (self.step - first),
            learning_rate=self._rate.at(self.step - 1),
            **self._processes.agree(self._validate() if self._processes.first else {}),
        )
        self.history.append(ended)
        self._rate.epoch_ended(ended.validation_loss)
        value = ended.score if self.recipe.keep == "best_score" else ended.validation_loss
        if self.recipe.keep.startswith("best") and value is not None:
            self._best.epoch_ended(value, self.network.state_dict(), epoch=ended.epoch)
        self._stopped = self._stopping.epoch_ended(ended.validation_loss)
        return ended

    def _validate(self) -> dict[str, float | None]:
        network = self.network if self.mean is None else self.mean
        if self._validation is None:
            return {} if self._score_cases is None else {"score": self._score_cases(network)}
        found = validate(
            network,
            self._validation,
            loss=self._loss,
            scores={"score": self._score},
            batch_size=self.recipe.sampling.batch_size,
            precision=self._precision,
        )
        return {
            "validation_loss": found.loss,
            "score": found.scores["score"],
            "score_with_tumour": found.with_tumour["score"],
        }

    def _kept(self) -> dict[str, Tensor]:
        if self.recipe.keep.startswith("best") and self._best.weights is not None:
            return dict(self._best.weights)
        network = self.network if self.mean is None else self.mean
        return {name: tensor.detach().cpu() for name, tensor in network.state_dict().items()}

    def _save(self) -> None:
        write_checkpoint(
            self.checkpoint_path,
            {
                "identity": self._identity,
                "step": self.step,
                "network": self.network.state_dict(),
                "mean": None if self.mean is None else self.mean.state_dict(),
                "optimiser": self._optimiser.state_dict(),
                "scaler": self._scaler.state_dict(),
                "losses": self.losses,
                "history": [vars(epoch) for epoch in self.history],
                "rate": self._rate.state(),
                "stopping": self._stopping.state(),
                "stopped": self._stopped,
                "best": self._best.state(),
            },
        )

    def _resume(self, state: dict[str, Any]) -> None:
        if state.get("identity") != self._identity:
            raise InputError(
                f"checkpoint {self.checkpoint_path} belongs to another training (recipe, cases, split or steps differ); "
                "give another output folder, or delete the checkpoint to start anew"
            )
        self.network.load_state_dict(state["network"])
        if self.mean is not None:
            self.mean.load_state_dict(state["mean"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._scaler.load_state_dict(state["scaler"])
        self._rate.load(state["rate"])
        self._stopping.load(state["stopping"])
        self._best.load(state["best"])
        self._stopped = state["stopped"]
        self.step = state["step"]
        self.losses = list(state["losses"])
        self.history = [Epoch(**epoch) for epoch in state["history"]]


def _steps(recipe: Recipe, source: BatchSource, epochs: int | None) -> int:
    if epochs is None and recipe.steps is not None:
        return recipe.steps
    return (epochs or recipe.epochs or 1) * source.steps_per_epoch


def _optimiser(recipe: Recipe, network: nn.Module) -> torch.optim.Optimizer:
    settings = recipe.optimiser
    kind = torch.optim.AdamW if settings.kind == "adamw" else torch.optim.Adam
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    return kind(trained, lr=settings.learning_rate, weight_decay=settings.weight_decay, eps=settings.epsilon)
