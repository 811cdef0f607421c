"""Pictures of what a network makes of validation samples while it learns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from gliolabel.evaluation.figures.style import new_figure
from gliolabel.evaluation.figures.worst import PREDICTED, TRUTH
from gliolabel.inference.precision import Precision
from gliolabel.training.samples import Sample, SampleSet
from gliolabel.vocabulary import RESEARCH_NOTICE

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def choose_samples(samples: SampleSet, *, count: int = 4) -> list[int]:
    """Samples worth a look: evenly spread over those with tumour, or over all where none has any."""
    with_tumour = [index for index, target in enumerate(samples.targets()) if bool(target.any())]
    candidates = with_tumour or list(range(len(samples)))
    count = min(count, len(candidates))
    return [candidates[(2 * place + 1) * len(candidates) // (2 * count)] for place in range(count)]


@torch.no_grad()
def draw_predictions(network: nn.Module, samples: Sequence[Sample], *, threshold: float, precision: Precision, title: str) -> Figure:
    """One column for each sample: its slice with most tumour, truth solid, prediction dashed. The network is left in evaluation mode.

    Args:
        network: returns logits.
        samples: not empty.
        threshold: one channel: tumour above this probability; several channels are classes, and tumour is all but the first.
        precision: where and in which format to compute.
        title: stands above.
    """
    network.eval()
    figure = new_figure(2.8 * len(samples), 3.8)
    axes = figure.subplots(1, len(samples), squeeze=False)[0]
    for axis, sample in zip(axes, samples, strict=True):
        with precision.autocast():
            logits = network(sample.image[None].to(precision.device)).float().cpu()[0]
        predicted = logits[0].sigmoid() > threshold if len(logits) == 1 else logits.argmax(0) > 0
        image, truth, predicted, number = _slice(sample, predicted)
        axis.imshow(image, cmap="gray", interpolation="bilinear")
        for mask, tint, line in ((truth, TRUTH, "-"), (predicted, PREDICTED, "--")):
            if bool(mask.any()) and not bool(mask.all()):
                axis.contour(mask.numpy(), levels=[0.5], colors=[tint], linewidths=1.4, linestyles=line)
        axis.set_axis_off()
        axis.set_title(f"{sample.case_id}\nslice {number}", color="white", fontsize=9)
    figure.suptitle(title, color="white", fontsize=11)
    figure.supxlabel(f"solid: truth, dashed: prediction. {RESEARCH_NOTICE}", color="white", fontsize=9)
    figure.set_facecolor("black")
    return figure


def _slice(sample: Sample, predicted: Tensor) -> tuple[Tensor, Tensor, Tensor, int]:
    """Image, truth, prediction (height, width) and the slice's number; of a volume the slice with most tumour."""
    # The last channel: FLAIR in most recipes, where all of a tumour is bright.
    image, truth = sample.image[-1], sample.target > 0
    if truth.ndim == 2:
        return image, truth, predicted, sample.index
    place = int(truth.flatten(1).sum(1).argmax()) if bool(truth.any()) else len(truth) // 2
    return image[place], truth[place], predicted[place], place
