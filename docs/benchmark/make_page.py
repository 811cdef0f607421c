"""Write the page of measured speed from what `gliolabel benchmark --output` wrote.

python docs/benchmark/make_page.py docs/benchmark/measured.json
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from gliolabel.cli.benchmark.table import comparisons
from gliolabel.vocabulary import REGIONS

PAGE = Path(__file__).parent.parent / "reference" / "speed.md"


def main() -> int:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measured", nargs="+", type=Path, help="one or more files of `gliolabel benchmark --output`, of one machine")
    results = [json.loads(path.read_text()) for path in parser.parse_args().measured]
    rows = [row for result in results for row in result["rows"]]
    PAGE.write_text("\n".join(_lines(results[0], rows)) + "\n")
    print(PAGE)
    return 0


def _lines(result: dict[str, Any], rows: list[dict[str, Any]]) -> list[str]:
    case, machine = result["case"], result["machine"]
    amx = " with AMX (bfloat16)" if machine["amx"] else ""
    regions = " | ".join(f"Dice {region}" for region in REGIONS)
    lines = [
        "# Measured speed",
        "",
        "Written by `python docs/benchmark/make_page.py` from the output of `gliolabel benchmark`; do not edit.",
        "[Measure speed](../how-to/measure-speed.md) says what is measured and how to repeat it on your machine.",
        "",
        f"Case `{case['id']}` ({case['grid']}). The Dice shows that both pipelines do the same work, not how good the model is: "
        "the [model cards](../model-cards/unet3d.md) say that, and on which cases each model was trained.",
        f"Machine: {machine['processor']}, {machine['cores']} cores{amx}, {machine['memory_gib']} GiB, {machine['gpu'] or 'no GPU'}; "
        f"torch {machine['torch']}.",
        "",
        f"| model | pipeline | mask, s | first run, s | map of {rows[0]['passes']} passes, s | peak GiB | with map | {regions} |",
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


if __name__ == "__main__":
    sys.exit(main())
