"""Write the page of a server under load from what `gliolabel benchmark --load --output` wrote.

python docs/benchmark/make_load_page.py docs/benchmark/measured-load.json
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from gliolabel.cli.benchmark.load_clients import SHORT
from gliolabel.cli.benchmark.load_table import busy_lines, load_lines
from gliolabel.cli.benchmark.table import processor_words

PAGE = Path(__file__).parent.parent / "reference" / "load.md"


def main() -> int:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measured", type=Path, help="file of `gliolabel benchmark --load --output`")
    result = json.loads(parser.parse_args().measured.read_text())
    PAGE.write_text("\n".join([*_head(result), *_table(result), *_busy(result)]) + "\n")
    print(PAGE)
    return 0


def _head(result: dict[str, Any]) -> list[str]:
    machine, shape = result["machine"], " x ".join(map(str, result["shape"]))
    return [
        "# A server under load",
        "",
        "Written by `python docs/benchmark/make_load_page.py docs/benchmark/measured-load.json` from the output of",
        "`gliolabel benchmark --load --output docs/benchmark/measured-load.json`; do not edit.",
        "[Measure speed](../how-to/measure-speed.md) says what is measured and how to repeat it on your machine.",
        "",
        f"Both servers segment the same {result['cases']} synthetic cases of {shape} voxels with the same weights (`{result['model']}`), "
        "one server after the other in one run. Several clients share the masks, each asking for one after the other; beside them one "
        "reader goes on asking for the server's info, a next sample, and submits a label.",
        f"Machine: {processor_words(machine)}, {machine['memory_gib']} GiB, {machine['gpu'] or 'no GPU'}; torch {machine['torch']}.",
        "Compare within the table: the machine may have had other work.",
    ]


def _table(result: dict[str, Any]) -> list[str]:
    names = ["server", "clients", "masks a minute", "mask, s", *(f"{request}, ms" for request in SHORT), "told to come back later"]
    lines = ["", "Three numbers are the 50th, 95th and 99th percentile. A mask's time includes coming back.", ""]
    lines += [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
    return [*lines, *(f"| {' | '.join(cells)} |" for cells in load_lines(result))]


def _busy(result: dict[str, Any]) -> list[str]:
    lines = busy_lines(result)
    return ["", "## While everything happens at once", "", *lines] if lines else []


if __name__ == "__main__":
    sys.exit(main())
