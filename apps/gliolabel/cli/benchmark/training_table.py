"""The table of ``gliolabel benchmark --training`` for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from gliolabel.cli.benchmark.table import processor_words


def training_table(result: Mapping[str, Any]) -> Group:
    """One line for each recipe."""
    lines = Table("Recipe", "Batch", "Format", box=None, header_style="bold", pad_edge=False)
    for name in ("GlioLabel, s", "MONAI, s", "Ratio", "Draw, s"):
        lines.add_column(name, justify="right")
    for row in result["rows"]:
        shape = " x ".join(map(str, row["batch"]))
        numbers = [f"{row[name]:.3f}" for name in ("gliolabel_s", "monai_s")]
        lines.add_row(row["recipe"], shape, f"{row['device']} {row['precision']}", *numbers, f"{row['ratio']:.2f}", f"{row['draw_s']:.3f}")
    machine = result["machine"]
    words = "Seconds of a training step, median; MONAI: SupervisedTrainer with CacheDataset, same network, loss, optimiser, format, batch. "
    words += "Ratio: MONAI's by ours, above 1 ours is faster. Draw: cutting and augmenting a batch, in neither."
    about = f"{processor_words(machine)}, {machine['gpu'] or 'no GPU'}, "
    about += f"torch {machine['torch']}, gliolabel {machine['gliolabel']}."
    return Group(lines, Text(words), Text(about))
