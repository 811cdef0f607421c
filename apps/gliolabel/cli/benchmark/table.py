"""The benchmark's table for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from gliolabel.vocabulary import REGIONS


def table(result: Mapping[str, Any]) -> Group:
    """Lay out a benchmark's result: one line a measurement, its stages, how much faster each model is, and what it was measured on."""
    passes = result["rows"][0]["passes"]
    lines = Table("Model", "Pipeline", box=None, header_style="bold", pad_edge=False)
    for name in ("Mask, s", "First, s", f"Map {passes}, s", "GiB", "with map", *REGIONS):
        lines.add_column(name, justify="right")
    stages = []
    for row in result["rows"]:
        if row["error"]:
            stages.append(Text(f"{row['model']}, {row['pipeline']} failed: {row['error']}", style="red"))
            continue
        numbers = [_number(row[name]) for name in ("total_s", "cold_s", "map_s", "peak_gib", "peak_map_gib")]
        dice = [_number((row["dice"] or {}).get(region), digits=3) for region in REGIONS]
        lines.add_row(row["model"], row["pipeline"], *numbers, *dice)
        parts = ", ".join(f"{stage} {seconds:.2f}" for stage, seconds in row["stages_s"].items())
        stages.append(Text(f"{row['model']}, {row['pipeline']}, seconds by stage: {parts}"))
    words = "Mask: files to file, second run. First: the run before. Map: so many passes. GiB: peak memory. WT, TC, ET: Dice."
    case, machine = result["case"], result["machine"]
    about = f"Case {case['id']}{' (synthetic)' if case['synthetic'] else ''}: {case['grid']}. "
    about += f"{processor_words(machine)}, {machine['gpu'] or 'no GPU'}, "
    about += f"torch {machine['torch']}, gliolabel {machine['gliolabel']}."
    return Group(lines, Text(words), Text(), *stages, Text(), *(Text(line) for line in (*comparisons(result["rows"]), about)))


def processor_words(machine: Mapping[str, Any]) -> str:
    """The processor of :func:`~gliolabel.cli.benchmark.measuring.machine`, e.g. ``AMD EPYC, 2 cores with AVX-512 bfloat16``."""
    bf16 = f" with {machine['bf16']} bfloat16" if machine["bf16"] else ""
    return f"{machine['processor']}, {machine['cores']} cores{bf16}"


def comparisons(rows: list[dict[str, Any]]) -> list[str]:
    """Sentences about each model: how many times faster ours is than stock, and what a map costs beside a mask."""
    by_model: dict[str, dict[str, dict[str, Any]]] = {}
    for row in rows:
        if not row["error"]:
            by_model.setdefault(row["model"], {})[row["pipeline"]] = row
    lines = []
    for model, pipelines in by_model.items():
        if {"gliolabel", "stock"} <= set(pipelines):
            ours, theirs = pipelines["gliolabel"], pipelines["stock"]
            text = f"{model}: the mask is {theirs['total_s'] / ours['total_s']:.1f} times faster than stock MONAI Label"
            if ours["map_s"] and theirs["map_s"]:
                text += f", the map {theirs['map_s'] / ours['map_s']:.1f} times"
            lines.append(text + ".")
        if "gliolabel" in pipelines and pipelines["gliolabel"]["map_s"]:
            lines.append(_map_cost(model, pipelines["gliolabel"]))
    return lines


def _map_cost(model: str, row: Mapping[str, Any]) -> str:
    text = f"{model}: a map of {row['passes']} passes takes {row['map_s'] / row['total_s']:.1f} times as long as a mask"
    plain = row.get("plain")
    if not plain:
        return text + "."
    largest = max(plain["differences"].values())
    return (
        f"{text}; computed pass by pass {plain['map_s'] / row['total_s']:.1f} times. The two maps differ by {largest:.1g} on average in "
        f"the brain, the scores by {100 * plain['scores']:.1g} % at most."
    )


def _number(value: float | None, *, digits: int = 1) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
