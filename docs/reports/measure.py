"""Train the reports' experiments at reduced size and write what came out to docs/reports/measured.json.

python docs/reports/measure.py --lgg /data/lgg --brats /data/brats --work runs/reports

Experiments that are done are not repeated; an interrupted one is resumed. About 40 minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from experiments import EXPERIMENTS, Experiment

from gliolabel.cli.benchmark.measuring import machine
from gliolabel.metrics import mean_iou, printed_mean_iou, truncated_mean_iou
from gliolabel.recipes import ModelVersion
from gliolabel.training.cache import Cache
from gliolabel.training.data import whole_sample_data

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
    found: dict[str, Any] = {"machine": machine(), "experiments": [row for row in rows if row]}
    if (options.work / "002-relu" / "test.json").exists():
        found["misread_iou"] = misread_iou(options.work / "002-relu", options.brats)
    RESULT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
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


def misread_iou(output: Path, studies: Path) -> dict[str, float]:
    """Report 002's metrics on its test part, all pixels together: as the text defines them, and as they can be misread."""
    version = ModelVersion.load(output / "keller_unet2d_brats20.safetensors")
    with tempfile.TemporaryDirectory() as folder:
        parts = whole_sample_data(version.recipe, studies, cache=Cache(Path(folder))).parts
        network = version.build()
        with torch.no_grad():
            found = [network(sample.image[None]).softmax(1)[0] for sample in parts["test"]]
        probabilities = torch.stack(found, dim=1)  # (classes, slices, height, width)
        truth = torch.stack([sample.target for sample in parts["test"]])
    one_hot = torch.nn.functional.one_hot(truth.long(), len(probabilities)).movedim(-1, 0)
    hard = torch.nn.functional.one_hot(probabilities.argmax(0), len(probabilities)).movedim(-1, 0)
    overlap, total = (hard * one_hot).sum((1, 2, 3)), (hard + one_hot).sum((1, 2, 3))
    return {
        "dice": float((2 * overlap / total).mean()),
        "dice_without_background": float((2 * overlap / total)[1:].mean()),
        "mean_iou": float(mean_iou(hard.numpy().astype("uint8"), one_hot.numpy().astype("uint8"), background=True)),
        "printed_mean_iou": printed_mean_iou(hard.numpy().astype("uint8"), one_hot.numpy().astype("uint8")),
        "truncated_mean_iou": truncated_mean_iou(probabilities.numpy(), one_hot.numpy()),
    }


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
