"""The pictures of the uncertainty page, drawn from what :func:`analyse_uncertainty` returned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from gliolabel.evaluation.figures.style import INK, Picture, as_svg, colour, legend_below, marker, new_figure, style
from gliolabel.vocabulary import REGIONS

#: Maps that are drawn: those with passes and the two baselines.
_DRAWN: Final = ("std", "entropy", "mutual_information", "expected_error", "max_probability", "none")
_AREAS: Final = {"dice": "Dice of what is kept", "filtered_tp": "true positives filtered out", "filtered_tn": "true negatives filtered out"}


def draw_risk(content: Mapping[str, Any]) -> Picture:
    """Error left against the share of the brain that is set aside, by region."""
    aside = 100 * np.asarray(content["set_aside"])
    with style():
        figure = new_figure(10.0, 3.9)
        axes = figure.subplots(1, len(REGIONS))
        for axis, region in zip(axes, REGIONS, strict=True):
            for number, name in enumerate(_DRAWN):
                risk = 1000 * np.asarray(content["curves"][name][region]["risk"])
                axis.plot(aside, risk, color=colour(number), linewidth=1.7, linestyle=_line(content, name), label=_title(content, name))
            axis.set_title(region)
            axis.set_xlabel("set aside (% of the brain)")
            axis.set_xlim(0, 10)
            axis.set_ylim(bottom=0)
        axes[0].set_ylabel("wrong voxels left (per 1000)")
        legend_below(figure, list(axes), columns=3)
        return as_svg(
            figure,
            alt="Risk-coverage curves by region. " + _said(content, "aurc", factor=1000, unit="AURC x 1000"),
            caption="The most uncertain voxels of the brain are set aside first: how many of the others are wrong? Mean over cases. "
            "Dashed: maps that need no pass.",
        )


def draw_qu_brats(content: Mapping[str, Any]) -> Picture:
    """The three curves of the QU-BraTS score by region, over the thresholds."""
    with style():
        figure = new_figure(10.0, 8.6)
        axes = figure.subplots(len(REGIONS), len(_AREAS), sharex=True)
        for row, region in zip(axes, REGIONS, strict=True):
            for axis, (kind, title) in zip(row, _AREAS.items(), strict=True):
                for number, name in enumerate(_DRAWN):
                    values = content["curves"][name][region][kind]
                    thresholds = np.linspace(0, 100, len(values))
                    axis.plot(
                        thresholds, values, color=colour(number), linewidth=1.7, linestyle=_line(content, name), label=_title(content, name)
                    )
                axis.set_title(f"{region}: {title}", fontsize=10.5)
        for axis in axes[-1]:
            axis.set_xlabel("threshold of uncertainty")
        legend_below(figure, list(axes.flat), columns=3)
        return as_svg(
            figure,
            alt="Curves of the QU-BraTS score. " + _said(content, "qu_brats", factor=1, unit="score"),
            caption="Voxels above the threshold are filtered out. Good: Dice rises as the threshold falls, and few true voxels are lost. "
            "Mean over cases. Dashed: maps that need no pass.",
        )


def draw_passes(content: Mapping[str, Any]) -> Picture:
    """AURC against the number of passes, by region, with the baselines as lines."""
    counts = content["passes"]
    with style():
        figure = new_figure(10.0, 3.9)
        axes = figure.subplots(1, len(REGIONS))
        for axis, region in zip(axes, REGIONS, strict=True):
            for number, name in enumerate(_DRAWN[:-1]):
                numbers = content["numbers"][region][name]
                if "0" in numbers:
                    axis.axhline(
                        1000 * numbers["0"]["aurc"], color=colour(number), linestyle="--", linewidth=1.5, label=_title(content, name)
                    )
                    continue
                values = [1000 * numbers[str(n)]["aurc"] for n in counts]
                axis.plot(
                    counts, values, marker=marker(number), color=colour(number), linewidth=1.7, markersize=5, label=_title(content, name)
                )
            axis.set_xscale("log")
            axis.set_xticks(counts, [str(n) for n in counts])
            axis.minorticks_off()
            axis.set_title(region)
            axis.set_xlabel("passes")
            # One pass has no spread: its map of disagreement is empty and would hide all the rest.
            shown = [1000 * content["numbers"][region][name][str(n)]["aurc"] for name in _DRAWN[:4] for n in counts if n > 1]
            shown.append(1000 * content["numbers"][region]["max_probability"]["0"]["aurc"])
            axis.set_ylim(0, 1.15 * max(shown))
        axes[0].set_ylabel("AURC x 1000")
        legend_below(figure, list(axes), columns=3)
        return as_svg(
            figure,
            alt="AURC by number of passes. " + _said(content, "aurc", factor=1000, unit="AURC x 1000"),
            caption="Less is better. The disagreement of a single pass is 0 everywhere, as good as none, and mostly above the picture.",
        )


def draw_reliability(content: Mapping[str, Any]) -> Picture:
    """Reliability curves of the served probabilities before and after the temperature, by region."""
    said = []
    with style():
        figure = new_figure(9.6, 3.9)
        axes = figure.subplots(1, len(REGIONS), sharey=True)
        for axis, region in zip(axes, REGIONS, strict=True):
            served = content["calibration"][region]["0"]
            axis.plot([0, 1], [0, 1], "--", color=INK, linewidth=1, label="perfect")
            for number, when in enumerate(("before", "after")):
                if served[f"curve_{when}"] is not None:
                    predicted, true = served[f"curve_{when}"]
                    axis.plot(
                        predicted,
                        true,
                        marker=marker(number),
                        color=colour(number),
                        markersize=5,
                        linewidth=1.6,
                        label=f"{when} the temperature",
                    )
                    said.append(f"{region} {when}: expected calibration error {served[when]:.4f}")
            axis.set_title(region)
            axis.set_aspect("equal")
            axis.set_xlim(0, 1)
            axis.set_ylim(0, 1)
            axis.set_xlabel("predicted probability")
        axes[0].set_ylabel("true share of voxels")
        legend_below(figure, list(axes))
        return as_svg(
            figure,
            alt="Reliability curves. " + "; ".join(said) + ".",
            caption="Voxels of the brain, all cases together. Below the dashed line the model is surer than it is right. After: the "
            "temperature of each patient was fitted on the other patients.",
        )


def draw_triage(content: Mapping[str, Any]) -> Picture:
    """Mean Dice against doubt, a point a case."""
    cases, last = content["cases"], str(content["passes"][-1])
    with style():
        figure = new_figure(5.2, 3.9)
        axis = figure.subplots()
        x = [row["doubt"]["disagreement"][last] for row in cases.values()]
        y = [row["mean_dice"] for row in cases.values()]
        axis.plot(x, y, marker(0), color=colour(0), markersize=6, alpha=0.85, markeredgewidth=0)
        axis.set_xlabel(f"1 - pairwise Dice, worst region ({last} passes)")
        axis.set_ylabel("mean Dice of WT, TC, ET")
        axis.set_ylim(top=1.0)
        return as_svg(
            figure,
            alt="Mean Dice against doubt. "
            + "; ".join(f"{case}: doubt {a:.3f}, Dice {b:.3f}" for case, a, b in zip(cases, x, y, strict=True)),
            caption="One point a case.",
        )


def draw_places(content: Mapping[str, Any]) -> Picture:
    """Share of the error near the first places, by ranking: a bar the mean, a point a case."""
    last, places = str(content["passes"][-1]), content["places"]
    with style():
        figure = new_figure(8.6, 0.42 * len(places) + 1.2)
        axis = figure.subplots()
        said = []
        for row, (ranking, found) in enumerate(places.items()):
            mean = found["by_passes"].get(last, found["by_passes"].get("0"))["mean"]
            shares = [case["places"][ranking] for case in content["cases"].values() if case["places"][ranking] is not None]
            axis.barh(row, 100 * (mean or 0), color=colour(0), alpha=0.35, height=0.7)
            axis.plot(
                [100 * share for share in shares],
                [row] * len(shares),
                marker(0),
                color=colour(0),
                markersize=4,
                alpha=0.8,
                markeredgewidth=0,
            )
            said.append(f"{found['meaning']}: {100 * (mean or 0):.1f} %")
        axis.set_yticks(range(len(places)), [found["meaning"] for found in places.values()])
        axis.invert_yaxis()
        axis.grid(visible=False, axis="y")
        axis.set_xlabel("share of all wrong voxels within 5 mm of the first 5 places (%)")
        return as_svg(figure, alt="Places to look at. " + "; ".join(said) + ".", caption="Bar: mean over cases; points: cases.")


def _title(content: Mapping[str, Any], name: str) -> str:
    return str(content["maps"][name]["title"])


def _line(content: Mapping[str, Any], name: str) -> str:
    return "-" if content["maps"][name]["passes"] else "--"


def _said(content: Mapping[str, Any], number: str, *, factor: float, unit: str) -> str:
    last = str(content["passes"][-1])
    parts = [
        f"{region}, {_title(content, name)}: {factor * (rows[name].get(last) or rows[name]['0'])[number]:.3f}"
        for region, rows in content["numbers"].items()
        for name in _DRAWN
    ]
    return f"{unit}: " + "; ".join(parts) + "."
