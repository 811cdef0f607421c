"""Train the reports' experiments at reduced size and write what came out to docs/reports/measured.json.

python docs/reports/measure.py --lgg /data/lgg --brats /data/brats --work runs/reports

Experiments that are done are not repeated; an interrupted one is resumed. About 40 minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from experiments import EXPERIMENTS, Experiment

from gliolabel.cli.benchmark.measuring import machine

RESULT = Path(__file__).parent / "measured.json"


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lgg", required=True, type=Path, help="folder of LGG patients (24 patients were used)")
    parser.add_argument("--brats", required=True, type=Path, help="folder of BraTS cases (20 cases were used)")
    parser.add_argument("--work", required=True, type=Path, help="where trainings go")
    parser.add_argument("--only", default="", help="only experiments whose name begins so")
    options = parser.parse_args()
    chosen = [experiment for experiment in EXPERIMENTS if experiment.name.startswith(options.only)]
    for number, experiment in enumerate(chosen, start=1):
        print(f"{number} of {len(chosen)}: {experiment.name}", flush=True)
        _train(experiment, getattr(options, experiment.data), options.work / experiment.name)
    rows = [_row(experiment, options.work / experiment.name) for experiment in EXPERIMENTS]
    RESULT.write_text(json.dumps({"machine": machine(), "experiments": [row for row in rows if row]}, indent=1) + "\n", encoding="utf-8")
    print(f"{RESULT}; python docs/reports/make_page.py writes the page from it")
    return 0


def _train(experiment: Experiment, studies: Path, output: Path) -> None:
    if (output / "test.json").exists():
        return
    command = [sys.executable, "-m", "gliolabel.cli", "train", "--recipe", experiment.recipe, "--studies", str(studies)]
    command += ["--output", str(output), "--epochs", str(experiment.epochs), "--no-tracking", "--version", "reduced"]
    for change in experiment.changes:
        command += ["--set", change]
    if (output / "checkpoint.pt").exists():
        command.append("--resume")
    began = time.monotonic()
    subprocess.run(command, check=True)
    (output / "seconds.json").write_text(json.dumps(round(time.monotonic() - began)))


def _row(experiment: Experiment, output: Path) -> dict[str, Any] | None:
    if not (output / "test.json").exists():
        return None
    seconds = output / "seconds.json"
    return {
        **asdict(experiment),
        "seconds": json.loads(seconds.read_text()) if seconds.exists() else None,
        "curves": json.loads((output / "curves.json").read_text(encoding="utf-8")),
        **json.loads((output / "test.json").read_text(encoding="utf-8")),
    }


if __name__ == "__main__":
    sys.exit(main())
