"""The table of ``gliolabel benchmark --week`` for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from gliolabel.vocabulary import REGIONS


def week_table(result: Mapping[str, Any]) -> Group:
    """One line for the first champion, then one for each round."""
    lines = Table("Version", "Cases", *REGIONS, "Gate", "Served after it", box=None, header_style="bold", pad_edge=False)
    for day in result["days"]:
        scores = [f"{day['dice'][region]:.3f}" if region in day["dice"] else "" for region in REGIONS]
        lines.add_row(day["version"], str(day["cases"]), *scores, day["decision"], day["served"])
    plan, machine = result["data"]["plan"], result["machine"]
    words = f"Mean Dice on the same {len(plan['locked'])} locked cases, which no version ever saw. "
    words += f"{result['recipe']['name']}, made smaller: "
    words += f"{', '.join(result['recipe']['changes'])}; {result['retraining']['steps']} steps after each round."
    about = f"{machine['processor']}, {machine['cores']} cores, {machine['gpu'] or 'no GPU'}, torch {machine['torch']}, "
    about += f"gliolabel {machine['gliolabel']}."
    return Group(lines, Text(words), Text(about))
