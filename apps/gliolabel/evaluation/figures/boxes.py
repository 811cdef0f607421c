"""Box plots of a measure by region and model, with every case as a point."""

from __future__ import annotations

import numpy as np

from gliolabel.evaluation.figures.style import Picture, as_svg, colour, legend_below, marker, new_figure, style
from gliolabel.evaluation.measures import MEASURES
from gliolabel.evaluation.running import Evaluation


def draw_boxes(evaluation: Evaluation, measure: str) -> Picture | None:
    """Box plots of one measure: box the quartiles, line the median, whiskers up to 1.5 times the box, points the cases.

    Args:
        evaluation: what was found.
        measure: name of the measure, of :data:`MEASURES`.

    Returns:
        The picture, or None when no case has a value.
    """
    about = MEASURES[measure]
    models, regions = evaluation.models, evaluation.regions
    width = 0.8 / len(models)
    said: list[str] = []
    spread = np.random.default_rng(0)
    with style():
        figure = new_figure(max(4.6, 1.2 + len(regions) * (0.9 + 0.45 * len(models))), 3.8)
        axis = figure.subplots()
        for m, model in enumerate(models):
            for r, region in enumerate(regions):
                values = [v for v in evaluation.values(model.label, region, measure).values() if v is not None]
                if not values:
                    continue
                place = r + (m - (len(models) - 1) / 2) * width
                axis.boxplot(
                    values,
                    positions=[place],
                    widths=0.75 * width,
                    showfliers=False,
                    patch_artist=True,
                    boxprops={"facecolor": colour(m), "alpha": 0.28, "edgecolor": colour(m)},
                    medianprops={"color": colour(m), "linewidth": 2.2},
                    whiskerprops={"color": colour(m)},
                    capprops={"color": colour(m)},
                )
                across = place + spread.uniform(-0.22, 0.22, len(values)) * width
                name = model.label if not any(s.startswith(f"{model.label}, ") for s in said) else "_"
                axis.plot(across, values, marker(m), color=colour(m), markersize=4, alpha=0.75, markeredgewidth=0, label=name)
                q1, q2, q3 = np.percentile(values, [25, 50, 75])
                said.append(f"{model.label}, {region}: median {q2:.3g}, quartiles {q1:.3g} and {q3:.3g}, {len(values)} cases")
        if not said:
            return None
        axis.set_xticks(range(len(regions)), regions)
        axis.set_xlim(-0.6, len(regions) - 0.4)
        axis.grid(visible=False, axis="x")
        axis.set_ylabel(about.title)
        if about.better == "high":
            axis.set_ylim(top=1.02, bottom=min(0.0 if axis.get_ylim()[0] < 0.4 else 0.4, axis.get_ylim()[0]))
        elif about.better == "low":
            axis.set_ylim(bottom=0)
        else:
            axis.axhline(0, color="#22272e", linewidth=1)
        if len(models) > 1:
            legend_below(figure, [axis], columns=min(3, len(regions)))
        return as_svg(
            figure, alt=f"Box plots of {about.title}. " + "; ".join(said) + ".", caption=f"{about.title} by region. {about.meaning}"
        )
