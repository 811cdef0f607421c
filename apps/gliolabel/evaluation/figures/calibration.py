"""Reliability curves: of the voxels given a probability, which share is tumour."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gliolabel.evaluation.figures.style import INK, Picture, as_svg, colour, legend_below, marker, new_figure, style
from gliolabel.evaluation.running import Evaluation
from gliolabel.uncertainty.calibration import Reliability, in_bins

#: Points of a curve, of equal width in probability; and the fewest voxels that make a point.
_POINTS, _FEWEST = 10, 50


def pooled(evaluation: Evaluation, label: str, region: str) -> Reliability | None:
    """The counts of all cases of a model together, None when it does not predict the region."""
    counts = [o.counts(region) for o in evaluation.outcomes[label].values() if region in o.reliability]
    return None if not counts else sum(counts[1:], counts[0])


def draw_calibration(evaluation: Evaluation) -> Picture | None:
    """Reliability curve of every region and model; the diagonal is perfect calibration.

    Returns:
        The picture, or None without any count.
    """
    said: list[str] = []
    with style():
        figure = new_figure(max(4.6, 2.9 * len(evaluation.regions) + 0.6), 3.9)
        axes = figure.subplots(1, max(1, len(evaluation.regions)), sharey=True, squeeze=False)[0]
        for axis, region in zip(axes, evaluation.regions, strict=False):
            axis.plot([0, 1], [0, 1], "--", color=INK, linewidth=1, label="perfect")
            for m, model in enumerate(evaluation.models):
                counts = pooled(evaluation, model.label, region)
                if counts is None:
                    continue
                predicted, observed = curve([(counts, 1.0)])
                axis.plot(predicted, observed, marker=marker(m), color=colour(m), markersize=5, linewidth=1.6, label=model.label)
                said.append(f"{model.label}, {region}: expected calibration error {counts.calibration_error():.4f}")
            axis.set_title(region)
            axis.set_aspect("equal")
            axis.set_xlim(0, 1)
            axis.set_ylim(0, 1)
            axis.set_xlabel("predicted probability")
        if not said:
            return None
        axes[0].set_ylabel("true share of voxels")
        legend_below(figure, axes, columns=min(3, len(evaluation.regions)))
        return as_svg(
            figure,
            alt="Reliability curves. " + "; ".join(said) + ".",
            caption="Voxels inside the brain (of slices: all that are not black), all cases together. Below the dashed line the model is "
            "surer than it is right.",
        )


def curve(counted: Sequence[tuple[Reliability, float]]) -> tuple[np.ndarray, np.ndarray]:
    """Mean predicted probability and true share in ten bins of equal width, where there are voxels enough.

    Args:
        counted: voxels by logit, with the temperature that logits are divided by.

    Returns:
        Two float arrays of equal length, at most ten long.
    """
    total, predicted, positive = in_bins(counted, bins=_POINTS)
    enough = total >= _FEWEST
    return predicted[enough] / total[enough], positive[enough] / total[enough]
