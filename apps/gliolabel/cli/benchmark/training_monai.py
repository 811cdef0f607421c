"""The other side of the comparison: MONAI's SupervisedTrainer with CacheDataset."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Any

import torch
from ignite.engine import Events
from monai.data import CacheDataset, DataLoader
from monai.engines import SupervisedTrainer
from monai.inferers import SimpleInferer
from monai.transforms import EnsureTyped
from torch import Tensor, nn

from gliolabel.inference.precision import Precision
from gliolabel.losses.building import LossOfLogits
from gliolabel.recipes import Recipe
from gliolabel.training.batches import Batch, step_generator


class _Inferer(SimpleInferer):
    """The network in the same precision as ours."""

    def __init__(self, precision: Precision) -> None:
        super().__init__()
        self._precision = precision

    def __call__(self, inputs: Tensor, network: nn.Module, *args: Any, **kwargs: Any) -> Tensor:
        with self._precision.autocast():
            logits: Tensor = super().__call__(inputs, network, *args, **kwargs)
        return logits


class MonaiTraining:
    """A training by MONAI's own loop.

    Args:
        network: on the CPU.
        recipe: optimiser and seed.
        batch: the samples of every step.
        loss: of logits.
        precision: device and format.
    """

    def __init__(self, network: nn.Module, recipe: Recipe, batch: Batch, *, loss: LossOfLogits, precision: Precision) -> None:
        items = [{"image": image, "label": target} for image, target in zip(batch.images, batch.targets, strict=True)]
        # Plain tensors: MONAI's own kind, with positions in space, costs it time that has nothing to do with training.
        data = CacheDataset(items, EnsureTyped(["image", "label"], track_meta=False), progress=False)
        self._loader = DataLoader(data, batch_size=len(items), num_workers=0)
        self._network = network.to(precision.device)
        settings = recipe.optimiser
        kind = torch.optim.AdamW if settings.kind == "adamw" else torch.optim.Adam
        self._optimiser = kind(
            self._network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, eps=settings.epsilon
        )
        self._loss, self._precision, self._seed = loss, precision, recipe.seed

    def run(self, steps: int) -> tuple[list[float], list[float]]:
        """Train so many steps.

        Returns:
            Seconds from one step to the next, and losses.
        """
        trainer = SupervisedTrainer(
            device=self._precision.device,
            max_epochs=steps,
            train_data_loader=self._loader,
            network=self._network,
            optimizer=self._optimiser,
            loss_function=self._loss,
            inferer=_Inferer(self._precision),
            non_blocking=True,
            decollate=False,
            optim_set_to_none=True,
        )
        losses: list[float] = []
        times = [time.perf_counter()]

        def ended(engine: Any) -> None:
            losses.append(engine.state.output["loss"].item())
            times.append(time.perf_counter())

        trainer.add_event_handler(Events.ITERATION_COMPLETED, ended)
        # Dropout as in the first step of ours. Not earlier: the loader draws a number when it starts.
        seed = step_generator(self._seed, 0).initial_seed()
        trainer.add_event_handler(Events.ITERATION_STARTED(once=1), lambda _: torch.manual_seed(seed))
        trainer.run()
        return [after - before for before, after in pairwise(times)], losses
