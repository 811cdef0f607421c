"""Loss and score of samples that are not trained on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gliolabel.inference.precision import Precision
from gliolabel.losses.building import LossOfLogits
from gliolabel.metrics.building import Score
from gliolabel.training.samples import Sample, SampleSet


@dataclass(frozen=True)
class Validation:
    """What a validation found.

    Args:
        loss: mean over the samples.
        scores: by name the mean over the samples, or over the batches if the score is of whole batches; higher is better.
        with_tumour: the same over samples whose truth has tumour: empty ones, as most LGG slices are, score 1 when left empty. None for a
            score of whole batches, and without such samples.
    """

    loss: float
    scores: dict[str, float]
    with_tumour: dict[str, float | None]


@torch.no_grad()
def validate(
    network: nn.Module, samples: SampleSet, *, loss: LossOfLogits, scores: Mapping[str, Score], batch_size: int, precision: Precision
) -> Validation:
    """Loss and scores of all samples, in batches in the set's order. The network is left in evaluation mode.

    Args:
        network: returns logits.
        samples: not empty.
        loss: the recipe's.
        scores: by name.
        batch_size: samples at once.
        precision: where and in which format to compute.
    """
    network.eval()
    losses: list[float] = []
    found: dict[str, list[Tensor]] = {name: [] for name in scores}
    tumour: list[bool] = []
    sizes: list[int] = []
    for batch in _batches(samples, batch_size):
        images = torch.stack([sample.image for sample in batch]).to(precision.device)
        targets = torch.stack([sample.target for sample in batch]).to(precision.device)
        weights = [sample.weight for sample in batch if sample.weight is not None]
        with precision.autocast():
            logits = network(images).float()
        losses.append(float(loss(logits, targets, torch.stack(weights).to(precision.device) if weights else None)))
        sizes.append(len(batch))
        probabilities = logits.sigmoid() if logits.shape[1] == 1 else logits.softmax(1)
        for name, score in scores.items():
            found[name].append(score(probabilities, targets).cpu())
        tumour += (targets > 0).flatten(1).any(dim=1).tolist()
    values = {name: torch.cat(parts) for name, parts in found.items()}
    positive = torch.tensor(tumour, dtype=torch.bool)
    return Validation(
        loss=math.fsum(value * size for value, size in zip(losses, sizes, strict=True)) / sum(sizes),
        scores={name: float(value.mean()) for name, value in values.items()},
        with_tumour={
            name: float(value[positive].mean()) if len(value) == len(positive) and positive.any() else None
            for name, value in values.items()
        },
    )


def _batches(samples: SampleSet, size: int) -> Iterator[list[Sample]]:
    for start in range(0, len(samples), size):
        yield [samples[index] for index in range(start, min(start + size, len(samples)))]
