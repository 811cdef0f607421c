"""Volumes: predicted against true, and their difference against their mean (Bland and Altman 1986)."""

from __future__ import annotations

import numpy as np

from gliolabel.evaluation.figures.style import INK, Picture, as_svg, colour, legend_below, marker, new_figure, style
from gliolabel.evaluation.running import Evaluation


def draw_agreement(evaluation: Evaluation) -> Picture | None:
    """Upper row: predicted against true volume. Lower row: difference against mean, with the mean difference and 1.96 SD about it.

    Returns:
        The picture, or None when volumes are unknown.
    """
    said: list[str] = []
    regions = evaluation.regions
    with style():
        figure = new_figure(max(4.6, 3.0 * len(regions) + 0.6), 6.4)
        axes = figure.subplots(2, max(1, len(regions)), squeeze=False)
        for column, region in enumerate(regions):
            upper, lower = axes[0, column], axes[1, column]
            highest = 0.0
            for m, model in enumerate(evaluation.models):
                true, predicted = _volumes(evaluation, model.label, region)
                if not len(true):
                    continue
                highest = max(highest, true.max(), predicted.max())
                points = {"marker": marker(m), "linestyle": "", "color": colour(m), "markersize": 5, "alpha": 0.85, "markeredgewidth": 0}
                upper.plot(true, predicted, **points, label=model.label)
                difference = predicted - true
                lower.plot((predicted + true) / 2, difference, **points)
                bias = float(difference.mean())
                lower.axhline(bias, color=colour(m), linewidth=1.6)
                text = f"{model.label}, {region}: mean difference {bias:+.1f} mL"
                if len(difference) > 1:
                    reach = 1.96 * float(difference.std(ddof=1))
                    for line in (bias - reach, bias + reach):
                        lower.axhline(line, color=colour(m), linewidth=1, linestyle=":")
                    text += f", limits of agreement {bias - reach:+.1f} to {bias + reach:+.1f} mL"
                said.append(text)
            top = 1.05 * highest or 1.0
            upper.plot([0, top], [0, top], "--", color=INK, linewidth=1, label="equal")
            upper.set_xlim(0, top)
            upper.set_ylim(0, top)
            upper.set_aspect("equal")
            upper.set_title(region)
            upper.set_xlabel("true (mL)")
            lower.axhline(0, color=INK, linewidth=1, linestyle="--")
            lower.set_xlabel("mean of both (mL)")
        if not said:
            return None
        axes[0, 0].set_ylabel("predicted (mL)")
        axes[1, 0].set_ylabel("predicted minus true (mL)")
        legend_below(figure, list(axes.flat), columns=min(3, len(regions)))
        return as_svg(
            figure,
            alt="Volumes. " + "; ".join(said) + ".",
            caption="Top: predicted against true volume. Bottom (Bland-Altman): line the mean difference, dotted 1.96 standard deviations.",
        )


def _volumes(evaluation: Evaluation, label: str, region: str) -> tuple[np.ndarray, np.ndarray]:
    true = evaluation.values(label, region, "true_volume_ml")
    predicted = evaluation.values(label, region, "volume_ml")
    pairs = [(true[case], predicted[case]) for case in true if true[case] is not None and predicted[case] is not None]
    array = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    return array[:, 0], array[:, 1]
