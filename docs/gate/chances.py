"""How often one region's Dice passes the gate, by the number of locked patients and the true change: the table of docs/concepts/gate.md.

Run: python docs/gate/chances.py

Differences between two trainings are drawn from a normal distribution with a standard deviation of 0.04 over patients; the interval and the
margin are the gate's own.
"""

from __future__ import annotations

import numpy as np

from gliolabel.evaluation.statistics import mean_interval
from gliolabel.training.gate import load_criteria

PATIENTS = (10, 20, 40, 80)
CHANGES = (0.02, 0.01, 0.0, -0.01, -0.02, -0.03)
SPREAD = 0.04
TRIALS = 1000
#: Fewer than the gate's own: enough for a share in whole percents.
SAMPLES = 2000


def share(patients: int, change: float) -> float:
    """Share of trials in which the lower end of the interval is not below minus the margin."""
    criteria = load_criteria()
    generator = np.random.default_rng([patients, round(1000 * (change + 1))])
    names = [str(number) for number in range(patients)]
    passed = 0
    for trial in range(TRIALS):
        bounds = mean_interval(generator.normal(change, SPREAD, patients), names, seed=trial, coverage=criteria.confidence, count=SAMPLES)
        assert bounds is not None
        passed += bounds.low >= -criteria.dice_margin
    return passed / TRIALS


def main() -> None:
    """Print the table as Markdown."""
    print("| true change of the mean Dice | " + " | ".join(f"{n} patients" for n in PATIENTS) + " |")
    print("|---|" + "---|" * len(PATIENTS))
    for change in CHANGES:
        cells = " | ".join(f"{100 * share(n, change):.0f} %" for n in PATIENTS)
        print(f"| {change:+.2f} | {cells} |")


if __name__ == "__main__":
    main()
