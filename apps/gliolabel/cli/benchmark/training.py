"""A training step beside that of MONAI's SupervisedTrainer with CacheDataset: same network, loss, optimiser, precision and batch."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from gliolabel.cli.benchmark.training_monai import MonaiTraining
from gliolabel.errors import InputError
from gliolabel.inference.precision import best_precision
from gliolabel.losses.building import build_loss
from gliolabel.recipes import Recipe, build_network
from gliolabel.recipes.schema import PatchAugmentation, PatchSampling
from gliolabel.training.batches import Batch, PatchSource
from gliolabel.training.engine import Training

if TYPE_CHECKING:
    from gliolabel.training.cases import TrainingCase

#: Rounds in which both sides are measured in turn, so that whatever else the machine does falls on both.
ROUNDS = 3


@dataclass(frozen=True)
class SameBatch:
    """The same samples at every step, put together anew each time, as from a cache.

    Args:
        whole: the samples.
        steps_per_epoch: more than any measurement has: no checkpoint falls between two steps.
    """

    whole: Batch
    steps_per_epoch: int = 1_000_000

    @property
    def identity(self) -> dict[str, Any]:
        """See :class:`gliolabel.training.batches.BatchSource`."""
        return {"cases": sorted(set(self.whole.names))}

    def batch(self, step: int) -> Batch:
        """See :class:`gliolabel.training.batches.BatchSource`."""
        images, targets = torch.stack(list(self.whole.images)), torch.stack(list(self.whole.targets))
        return Batch(images=images, targets=targets, weights=None, names=self.whole.names)


def compare_training(
    recipe: Recipe, case: TrainingCase, *, steps: int, device: str | None = None, report: Callable[[], None] | None = None
) -> dict[str, Any]:
    """Measure training steps of both in turn.

    MONAI's step has the network, the loss, backward and the optimiser; ours also the length of the gradient, the schedule and the
    running mean of the weights. Both read their samples from memory and hand the loss over as a number.

    Args:
        recipe: a product recipe, trained on patches.
        case: where the batch is cut from.
        steps: measured in each of the :data:`ROUNDS`, after one that is not.
        device: torch device; by default the first GPU if there is one.
        report: called after each round.

    Returns:
        ``recipe``, ``device``, ``precision``, ``batch`` (shape), ``gliolabel_s`` and ``monai_s`` (median seconds a step), ``ratio``
        (MONAI's by ours: above 1 ours is faster), ``first_loss`` (of both, from the same weights: the same work is compared), and
        ``draw_s``, seconds in which our loop cuts and augments a batch, which comes on top on both sides.

    Raises:
        InputError: the recipe is not trained on patches.
    """
    if not isinstance(recipe.sampling, PatchSampling) or not isinstance(recipe.augmentation, PatchAugmentation):
        raise InputError(f"recipe {recipe.name}: sampling.kind is {recipe.sampling.kind}; the benchmark compares recipes with patches")
    where = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    precision = best_precision(where)
    source = PatchSource([case], sampling=recipe.sampling, augmentation=recipe.augmentation, seed=recipe.seed)
    batch = source.batch(0)
    begin = time.perf_counter()
    source.batch(1)
    draw = time.perf_counter() - begin
    with tempfile.TemporaryDirectory() as folder:
        ours = Training(recipe, SameBatch(batch), folder=Path(folder), device=str(where), steps=ROUNDS * (steps + 2))
        theirs = MonaiTraining(_network(recipe, ours.network), recipe, batch, loss=build_loss(recipe.loss), precision=precision)
        seconds: dict[str, list[float]] = {"gliolabel": [], "monai": []}
        losses: dict[str, list[float]] = {"gliolabel": [], "monai": []}
        for _ in range(ROUNDS):
            for name, run in (("gliolabel", _of(ours)), ("monai", theirs.run)):
                found, values = run(steps + 2)
                # The first step warms up; the last of ours also writes the checkpoint.
                seconds[name] += found[1:-1]
                losses[name] += values
            if report is not None:
                report()
    median = {name: statistics.median(values) for name, values in seconds.items()}
    return {
        "recipe": recipe.name,
        "device": str(where),
        "precision": str(precision.dtype).removeprefix("torch."),
        "batch": list(batch.images.shape),
        "gliolabel_s": median["gliolabel"],
        "monai_s": median["monai"],
        "ratio": median["monai"] / median["gliolabel"],
        "first_loss": {name: values[0] for name, values in losses.items()},
        "draw_s": draw,
    }


def _network(recipe: Recipe, ours: nn.Module) -> nn.Module:
    """A second network with the same weights, laid out in memory as MONAI would."""
    network = build_network(recipe.network)
    weights: dict[str, Tensor] = {name: tensor.detach().cpu().contiguous() for name, tensor in ours.state_dict().items()}
    network.load_state_dict(weights)
    return network


def _of(training: Training) -> Callable[[int], tuple[list[float], list[float]]]:
    def run(steps: int) -> tuple[list[float], list[float]]:
        times = [time.perf_counter()]
        training.steps = training.step + steps
        training.run(lambda _: times.append(time.perf_counter()))
        return [after - before for before, after in pairwise(times)], training.losses[-steps:]

    return run
