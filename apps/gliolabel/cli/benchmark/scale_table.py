"""The table of ``gliolabel benchmark --scale`` for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from gliolabel.cli.benchmark.scale import REQUESTS


def scale_table(result: Mapping[str, Any]) -> Group:
    """One line for each number of cases."""
    lines = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("Cases", "Start, s", "Memory, MiB", "List, MiB", *(f"{request.capitalize()}, ms" for request in REQUESTS)):
        lines.add_column(name, justify="right")
    for row in result["rows"]:
        times = [f"{row['median_ms'][request]:.0f} ({row['worst_ms'][request]:.0f})" for request in REQUESTS]
        lines.add_row(f"{row['cases']:,}", f"{row['start_s']:.1f}", f"{row['memory_mib']:.0f}", f"{row['list_mib']:.2f}", *times)
    machine = result["machine"]
    words = f"Median and worst of {result['rounds']} requests each, one after the other, as a reader works: every answer follows a change. "
    words += "Every case is scored, one in ten completed."
    about = f"{machine['processor']}, {machine['cores']} cores, gliolabel {machine['gliolabel']}."
    return Group(lines, Text(words), Text(about))
