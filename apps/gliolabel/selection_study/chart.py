"""The study in one picture: Dice against annotated cases, a line for each strategy."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from gliolabel.evaluation.figures.style import INK, colour, legend_below, marker, new_figure, style

#: Lines lie beside each other by this share of the distance between two budgets, so that their intervals can be told apart.
_ASIDE = 0.04


def draw_chart(found: Mapping[str, Any]) -> bytes:
    """An SVG.

    Args:
        found: what :func:`~gliolabel.selection_study.results.summarise_study` returned.
    """
    with style():
        figure = new_figure(6.4, 4.2)
        axis = figure.subplots()
        curves = found["curves"]
        budgets = [point["cases"] for point in next(iter(curves.values()))]
        step = _ASIDE * (budgets[-1] - budgets[0])
        for number, (strategy, points) in enumerate(curves.items()):
            along = [point["cases"] + (number - (len(curves) - 1) / 2) * step for point in points]
            middle = [point["dice"] for point in points]
            axis.plot(along, middle, color=colour(number), marker=marker(number), linewidth=1.7, label=strategy)
            for x, point in zip(along, points, strict=True):
                if point["interval"] is not None:
                    axis.vlines(x, point["interval"]["low"], point["interval"]["high"], color=colour(number), linewidth=1.2)
        everything = found["all"]
        axis.axhline(everything["dice"], color=INK, linestyle=":", linewidth=1.2, label=f"all {everything['cases']:.0f} cases")
        axis.set_xticks(budgets)
        axis.set_xlabel("annotated cases")
        axis.set_ylabel("Dice of locked patients, mean")
        axis.set_ylim(bottom=0)
        legend_below(figure, [axis], columns=4)
        stream = io.BytesIO()
        figure.savefig(stream, format="svg", facecolor="white", metadata={"Date": None, "Creator": None})
    return stream.getvalue()
