"""Write the page of measured speed from what `gliolabel benchmark --output` wrote.

python docs/benchmark/make_page.py docs/benchmark/measured.json
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from gliolabel.cli.benchmark.table import comparisons, processor_words
from gliolabel.vocabulary import REGIONS

PAGE = Path(__file__).parent.parent / "reference" / "speed.md"


def main() -> int:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "measured",
        nargs="+",
        type=Path,
        help="files of `gliolabel benchmark --output`; a table for each. Those of --load and --selection have pages of their own",
    )
    results = [json.loads(path.read_text()) for path in parser.parse_args().measured]
    runs = [result for result in results if "case" in result and "rounds" not in result]
    trainings = [result for result in results if "rounds" in result]
    lines = _head(runs[0])
    for result in runs:
        lines += _table(result, same_machine=result["machine"] == runs[0]["machine"])
    for result in trainings:
        lines += _training(result)
    PAGE.write_text("\n".join(lines) + "\n")
    print(PAGE)
    return 0


def _head(result: dict[str, Any]) -> list[str]:
    case = result["case"]
    return [
        "# Measured speed",
        "",
        "Written by `python docs/benchmark/make_page.py docs/benchmark/measured-*.json` from the output of `gliolabel benchmark`;",
        "do not edit. [Measure speed](../how-to/measure-speed.md) says what is measured and how to repeat it on your machine.",
        "A table is one run: compare within it, not between tables.",
        "",
        f"Case `{case['id']}` ({case['grid']}). The Dice shows that both pipelines do the same work, not how good the model is: "
        "the [model cards](../model-cards/unet3d.md) say that, and on which cases each model was trained.",
        f"Machine: {_machine(result)}. A table of another machine says so.",
    ]


def _machine(result: dict[str, Any]) -> str:
    machine = result["machine"]
    return f"{processor_words(machine)}, {machine['memory_gib']} GiB, {machine['gpu'] or 'no GPU'}; torch {machine['torch']}"


def _table(result: dict[str, Any], *, same_machine: bool) -> list[str]:
    rows = result["rows"]
    regions = " | ".join(f"Dice {region}" for region in REGIONS)
    models = ", ".join(dict.fromkeys(f"{row['model']} {row['version']}" for row in rows))
    lines = [
        "",
        f"## {models}: masks and maps of {rows[0]['passes']} passes",
        "",
        *([] if same_machine else [f"On another machine: {_machine(result)}.", ""]),
        f"| model | pipeline | mask, s | first run, s | map, s | peak GiB | with map | {regions} |",
        "|---|---|---|---|---|---|---|" + "---|" * len(REGIONS),
    ]
    for row in rows:
        numbers = [f"{row[name]:.1f}" for name in ("total_s", "cold_s", "map_s", "peak_gib", "peak_map_gib")]
        dice = [f"{row['dice'][region]:.3f}" for region in REGIONS]
        lines.append(f"| {row['model']} | {row['pipeline']} | {' | '.join(numbers + dice)} |")
    lines += ["", "Seconds by stage:", ""]
    for row in rows:
        stages = ", ".join(f"{stage} {seconds:.2f}" for stage, seconds in row["stages_s"].items())
        lines.append(f"* {row['model']}, {row['pipeline']}: {stages}")
    return [*lines, "", *(f"* {sentence}" for sentence in comparisons(rows))]


def _training(result: dict[str, Any]) -> list[str]:
    lines = [
        "",
        "## A training step",
        "",
        "Beside MONAI's `SupervisedTrainer` with `CacheDataset`: same network, loss, optimiser, format and batch. Above 1 ours is faster.",
        "",
        "| recipe | batch | format | GlioLabel, s | MONAI, s | ratio |",
        "|---|---|---|---|---|---|",
    ]
    for row in result["rows"]:
        batch, numbers = " x ".join(map(str, row["batch"])), f"{row['gliolabel_s']:.3f} | {row['monai_s']:.3f} | {row['ratio']:.2f}"
        lines.append(f"| {row['recipe']} | {batch} | {row['device']} {row['precision']} | {numbers} |")
    return lines


if __name__ == "__main__":
    sys.exit(main())
