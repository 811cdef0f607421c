"""The table of ``gliolabel benchmark --load`` for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from gliolabel.cli.benchmark.load_clients import SHORT
from gliolabel.cli.benchmark.table import processor_words

_NAMES = {"gliolabel": "GlioLabel", "stock": "stock MONAI Label"}


def load_table(result: Mapping[str, Any]) -> Group:
    """One line for each number of clients of each server."""
    lines = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("Server", "Clients", "Masks/min", "Mask, s", *(f"{request.capitalize()}, ms" for request in SHORT), "Told to wait"):
        lines.add_column(name, justify="left" if name == "Server" else "right")
    for cells in load_lines(result):
        lines.add_row(*cells)
    machine, depth = result["machine"], " x ".join(str(n) for n in result["shape"])
    about = f"{result['cases']} synthetic cases of {depth} voxels, {result['model']}. {processor_words(machine)}, "
    about += f"{machine['gpu'] or 'no GPU'}, torch {machine['torch']}, gliolabel {machine['gliolabel']}."
    return Group(lines, Text("Three numbers are the 50th, 95th and 99th percentile."), Text(about), *map(Text, busy_lines(result)))


def load_lines(result: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The rows as texts: server, clients, masks a minute, seconds of a mask, milliseconds of the short requests, refusals."""
    lines = []
    for row in result["rows"]:
        short = (percentiles(row["ms"].get(request)) for request in SHORT)
        mask = percentiles(row["ms"]["mask"], per=1000, digits=1)
        cells = (_NAMES[row["server"]], str(row["clients"]), f"{row['masks_per_minute']:.1f}", mask, *short, str(row["refused"]))
        lines.append(cells)
    return lines


def busy_lines(result: Mapping[str, Any]) -> list[str]:
    """What was measured while a reader segmented, another mapped and a training ran; nothing when it was left out."""
    busy = result["busy"]
    if not busy:
        return []
    training = busy["training"]
    times = ", ".join(f"{request} {percentiles(busy['ms'].get(request))} ms" for request in SHORT)
    done = ", ".join(f"{busy['ms'].get(name, {}).get('count', 0)} {name}s" for name in ("mask", "map"))
    return [
        f"While one reader segments, one maps and a training runs ({training['status']}, epoch {training['epoch_before']:g} to "
        f"{training['epoch_after']:g}), {busy['seconds']:.0f} s: {times}; {done}."
    ]


def percentiles(found: Mapping[str, float] | None, *, per: float = 1, digits: int = 0) -> str:
    """The 50th, 95th and 99th percentile of a request, ``-`` when there was none.

    Example:
        >>> percentiles({"p50": 3.2, "p95": 8.0, "p99": 21.7}), percentiles(None)
        ('3 / 8 / 22', '-')
    """
    return "-" if found is None else " / ".join(f"{found[name] / per:.{digits}f}" for name in ("p50", "p95", "p99"))
