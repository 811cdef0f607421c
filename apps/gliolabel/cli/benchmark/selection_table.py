"""The table of ``gliolabel benchmark --selection`` for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from gliolabel.selection_study import sentences, with_interval


def selection_table(result: Mapping[str, Any]) -> Group:
    """One line for each strategy: Dice at each budget, and the area; then what the differences are."""
    found, data = result["found"], result["data"]
    lines = Table(box=None, header_style="bold", pad_edge=False)
    lines.add_column("Strategy", no_wrap=True)
    for budget in result["design"]["budgets"]:
        lines.add_column(f"{budget} cases", justify="right")
    lines.add_column("Area", justify="right")
    for strategy, points in found["curves"].items():
        lines.add_row(strategy, *(with_interval(point) for point in points), with_interval(found["areas"][strategy]))
    everything = f"Trained on all {found['all']['cases']:.0f} that are not locked: {with_interval(found['all'])}."
    about = f"Mean Dice of {data['locked']} locked patients in each of {len(found['seeds'])} repetitions, of {data['patients']} patients. "
    about += "Intervals: 95 %, bootstrap over repetitions and patients. Simulated: the labels are those of the data set."
    return Group(
        lines,
        Text(),
        Text(everything),
        Text("Differences of the areas under the curves:"),
        *(Text(line) for line in sentences(found)),
        Text(about),
    )
