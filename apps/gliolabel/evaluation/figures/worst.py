"""The worst cases: the slices on which prediction and truth differ most, with both outlines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from matplotlib.lines import Line2D

from gliolabel.evaluation.figures.style import Picture, as_png, new_figure
from gliolabel.evaluation.outcomes import Outcome, Snapshot

#: Bright on grey, told apart by red-green blind people, and by solid and dashed.
TRUTH, PREDICTED = "#56B4E9", "#F5C242"
_HEIGHT: Final = 3.3


def draw_worst(outcome: Outcome, snapshots: Mapping[str, Snapshot]) -> Picture:
    """One case: a panel for each region, truth solid, prediction dashed.

    Args:
        outcome: the case's measures.
        snapshots: its slices by region.
    """
    shots = {region: snapshots[region] for region in outcome.rows if region in snapshots}
    figure = new_figure(max(4.0, 2.9 * len(shots)), _HEIGHT + 0.4)
    axes = figure.subplots(1, len(shots), squeeze=False)[0]
    said = []
    for axis, (region, shot) in zip(axes, shots.items(), strict=True):
        axis.imshow(shot.image, cmap="gray", vmin=0, vmax=255, interpolation="bilinear")
        for mask, tint, line in ((shot.truth, TRUTH, "-"), (shot.predicted, PREDICTED, "--")):
            if mask.any():
                axis.contour(mask, levels=[0.5], colors=[tint], linewidths=1.4, linestyles=line)
        axis.set_axis_off()
        dice, distance = outcome.value(region, "dice"), outcome.value(region, "hd95_mm")
        numbers = f"Dice {dice:.2f}" + ("" if distance is None else f", HD95 {distance:.0f} mm")
        axis.set_title(f"{region} on {shot.sequence}, slice {shot.number}\n{numbers}", color="white", fontsize=11)
        said.append(f"{region} {numbers}, slice {shot.number} of {shot.slices}")
    figure.legend(
        [Line2D([], [], color=TRUTH, linewidth=1.6), Line2D([], [], color=PREDICTED, linewidth=1.6, linestyle="--")],
        ["truth", "prediction"],
        loc="outside lower center",
        ncols=2,
        frameon=False,
        labelcolor="white",
        fontsize=11,
    )
    return as_png(
        figure,
        alt=f"Case {outcome.case}, outlines of truth and prediction. " + "; ".join(said) + ".",
        caption=outcome.case,
        facecolor="black",
        dpi=110,
    )
