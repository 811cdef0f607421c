"""Trains small networks on made-up batches and writes their losses: alone in the test's process, or as one of several processes.

``torchrun --nproc-per-node 2 together.py OUT``
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

from gliolabel.inference.precision import Precision
from gliolabel.losses import build_loss
from gliolabel.recipes import Recipe, build_network, load_recipe
from gliolabel.training import engine
from gliolabel.training.batches import Batch
from gliolabel.training.distributed import Processes, share_batch_norms

#: Sizes of successive batches: two processes share four, three, and the odd one that both compute.
SIZES = (4, 3, 4, 1, 2)

# Adam makes a full step even of a gradient that is nothing but rounding (of a bias before a batch normalisation): epsilon is above that.
# Dropout draws differently in each process, so there is none.
COMMON = [
    "optimiser.learning_rate=0.01",
    "optimiser.epsilon=0.001",
    "network.dropout=[0.0]",
    "sampling.batch_size=4",
    "keep=last",
    "schedule.kind=constant",
]

RECIPES: dict[str, tuple[str, list[str]]] = {
    "regions, instance norm, batch-wise Dice": (
        "unet3d",
        ["network.channels=[4, 8]", "sampling.patch=[8, 8, 8]", "keep=mean", "optimiser.gradient_norm=0.5"],
    ),
    "focal and Dice over the batch, batch norm": ("jonsson2023_resunet2d_brats19", ["sampling.patch=[32, 32]", "stopping=null"]),
    "soft Dice of classes": ("topcu2023_unet3d_brats21", ["network.channels=[4, 8]", "sampling.patch=[8, 8, 8]"]),
    "binary with border weights, batch norm": (
        "patsatzi2023_unet2d_lgg",
        ["network.channels=[4, 8]", "sampling.patch=[16, 16]", "loss.border=true", "loss.class_weights=none"],
    ),
}


class MadeUpSource:
    """Batches of noise and random labels, of every size in turn."""

    steps_per_epoch = len(SIZES)
    identity: dict[str, Any] = {"made": "up"}  # noqa: RUF012

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe

    def batch(self, step: int) -> Batch:
        """See BatchSource."""
        recipe, count = self._recipe, SIZES[step % len(SIZES)]
        generator = torch.Generator().manual_seed(step)
        space = tuple(recipe.sampling.patch)
        images = torch.randn((count, recipe.network.in_channels, *space), generator=generator)
        targets = torch.randint(2 if recipe.network.out_channels == 1 else 4, (count, *space), generator=generator).to(torch.uint8)
        # Samples that differ much: a loss or a statistic of a process's own samples would not be that of all.
        targets[0] = 0
        images[0] = images[0] * 3 + 1
        border = getattr(recipe.loss, "border", False)
        weights = torch.rand((count, *space), generator=generator) * 5 if border else None
        return Batch(images=images, targets=targets, weights=weights, names=("x",) * count)


def train_all(processes: Processes) -> dict[str, dict[str, Any]]:
    """Losses, and some of the trained weights and statistics, by recipe."""
    engine.best_precision = lambda device: Precision(device, torch.float32)  # type: ignore[attr-defined]
    found = {}
    for name, (base, changes) in RECIPES.items():
        recipe = load_recipe(base, [*COMMON, *changes])
        with tempfile.TemporaryDirectory() as folder:
            training = engine.Training(recipe, MadeUpSource(recipe), folder=Path(folder), steps=10, processes=processes)
            weights = training.run()
            files = sorted(path.name for path in Path(folder).iterdir())
        sums = {key: float(tensor.double().abs().sum()) for key, tensor in weights.items()}
        found[name] = {"losses": training.losses, "sums": sums, "files": files}
    return found


def gradients(processes: Processes) -> dict[str, dict[str, torch.Tensor]]:
    """Gradients of the first three batches in double precision, by recipe: what rounding does is out of the way."""
    found = {}
    for name, (base, changes) in RECIPES.items():
        recipe = load_recipe(base, [*COMMON, *changes])
        torch.manual_seed(0)
        network = share_batch_norms(build_network(recipe.network).double(), processes).train()
        loss, source = build_loss(recipe.loss), MadeUpSource(recipe)
        trained = dict(network.named_parameters())
        for step in (0, 1, 3):
            batch = source.batch(step)
            count = len(batch.images)
            logits = processes.gather(network(batch.images[processes.mine(count)].double()), count)
            loss(logits, batch.targets, batch.weights).backward()
            processes.add_gradients(trained.values(), count)
            found[f"{name}, {count} samples"] = {key: p.grad.clone() for key, p in trained.items() if p.grad is not None}
            network.zero_grad()
    return found


if __name__ == "__main__":
    torch.set_num_threads(1)
    together = Processes.join("cpu")
    result = train_all(together)
    torch.save({"runs": result, "gradients": gradients(together)}, Path(sys.argv[1], f"{together.rank}.pt"))
    together.leave()
