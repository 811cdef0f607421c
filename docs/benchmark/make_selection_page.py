"""Write the page and the picture of the simulated annotation from what `gliolabel benchmark --selection` left in its folder.

python docs/benchmark/make_selection_page.py docs/benchmark/measured-selection.json
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from gliolabel.recipes import load_recipe
from gliolabel.selection_study import draw_chart, sentences, with_interval

REFERENCE = Path(__file__).parent.parent / "reference"
PAGE = REFERENCE / "selection.md"
CHART = REFERENCE / "selection.svg"


def main() -> int:
    """Write both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measured", type=Path, help="result.json of the study's folder")
    result = json.loads(parser.parse_args().measured.read_text())
    lines = [*_head(result), *_curves(result), *_differences(result), *_repetitions(result), *_how(result), *_limits(result)]
    PAGE.write_text("\n".join(lines) + "\n")
    CHART.write_bytes(draw_chart(result["found"]))
    print(PAGE, CHART)
    return 0


def _head(result: dict[str, Any]) -> list[str]:
    found = result["found"]
    lines = [
        "# Does choosing the next case help?",
        "",
        "Written by `python docs/benchmark/make_selection_page.py docs/benchmark/measured-selection.json`; do not edit.",
        "",
        f"A simulated annotation study on {result['data']['patients']} real patients: the strategies of [Choose the next "
        "case](../how-to/choose-the-next-case.md) pick patients whose labels are known, a small network is trained on what is picked, and "
        "tested on locked patients.",
        "",
        "Result, area under the curve of Dice against annotated cases, 95 % interval:",
        "",
        *(f"* {sentence}" for sentence in sentences(found)),
        "",
        "The intervals are not corrected for there being several comparisons.",
        "",
        f"From {result['design']['budgets'][0]} to all {found['all']['cases']:.0f} annotated cases Dice goes from {_first(found):.3f} to "
        f"{found['all']['dice']:.3f}. The less more cases help so small a training, the less any choice among them can show: read this as "
        "a study of a small, short training on few cases, not of the product's own models.",
        "",
    ]
    doubt = found["doubt"]
    if doubt["spearman"] is not None:
        lines += [
            f"How far the passes disagree and how wrong the mask is (1 - Dice), over the cases without a label: Spearman's correlation "
            f"{doubt['spearman']:+.2f}, mean of {doubt['models']} scored models. +1: doubt ranks cases as error does; 0: it says nothing.",
            "",
        ]
    return lines


def _first(found: dict[str, Any]) -> float:
    """Mean Dice of the training on the first cases, which all strategies share."""
    dice: float = next(iter(found["curves"].values()))[0]["dice"]
    return dice


def _curves(result: dict[str, Any]) -> list[str]:
    found = result["found"]
    budgets = [f"{budget} cases" for budget in result["design"]["budgets"]]
    dice = {name: [*map(with_interval, points), with_interval(found["areas"][name])] for name, points in found["curves"].items()}
    drawn = {name: [format(point["tumour_slices"], ".0f") for point in points] for name, points in found["curves"].items()}
    return [
        "![Dice of the locked patients against the number of annotated cases, a line for each strategy; the numbers are in the table "
        "below](selection.svg)",
        "",
        *_by_strategy([*budgets, "area under the curve"], dice),
        "",
        f"Mean Dice of the locked patients, 95 % interval. Trained on all {found['all']['cases']:.0f} cases that are not locked: "
        f"{with_interval(found['all'])}.",
        "",
        "What the choice costs: slices with tumour, which a reader draws on, mean over the repetitions.",
        "",
        *_by_strategy(budgets, drawn),
        "",
    ]


def _by_strategy(columns: list[str], rows: dict[str, list[str]]) -> list[str]:
    """A table with a row of cells for each strategy."""
    lines = [f"| strategy | {' | '.join(columns)} |", "|---" * (1 + len(columns)) + "|"]
    return [*lines, *(f"| `{strategy}` | {' | '.join(cells)} |" for strategy, cells in rows.items())]


def _differences(result: dict[str, Any]) -> list[str]:
    lines = [
        "## Paired differences",
        "",
        "Of the same locked patients in the same repetition. An interval that holds 0 shows no difference; it does not show that there is "
        "none.",
        "",
        "| | at | Dice, 95 % interval | repetitions above 0 |",
        "|---|---|---|---|",
    ]
    for row in result["found"]["differences"]:
        at = "area" if row["at"] == "area" else f"{row['at']} cases"
        numbers = f"{with_interval(row, sign='+')} | {row['better']} of {len(row['by_seed'])}"
        lines.append(f"| `{row['strategy']}` - `{row['against']}` | {at} | {numbers} |")
    return [*lines, ""]


def _repetitions(result: dict[str, Any]) -> list[str]:
    found = result["found"]
    lines = [
        "## By repetition",
        "",
        "Area under the curve; at the right the training on all cases that are not locked.",
        "",
        "| seed | " + " | ".join(f"`{strategy}`" for strategy in found["areas"]) + " | all |",
        "|---" * (2 + len(found["areas"])) + "|",
    ]
    for place, seed in enumerate(found["seeds"]):
        values = [*(row["by_seed"][place] for row in found["areas"].values()), found["all"]["by_seed"][place]]
        lines.append(f"| {seed} | {' | '.join(format(value, '.3f') for value in values)} |")
    return [*lines, ""]


def _how(result: dict[str, Any]) -> list[str]:
    data, design, machine, recipe = result["data"], result["design"], result["machine"], load_recipe(result["recipe"]["name"])
    budgets = ", ".join(map(str, design["budgets"]))
    return [
        "## How",
        "",
        "<!-- not run: takes an hour -->",
        "```bash",
        f"gliolabel benchmark --selection --studies {data['studies']} --output study --seeds {design['seeds']} "
        f"--budgets {','.join(map(str, design['budgets']))}",
        "```",
        "",
        f"* Data: a sample of {data['patients']} patients ({data['cases']} examinations, {data['slices']} slices, "
        f"{data['tumour_slices']} with tumour) of the LGG set (Buda et al. 2019; TCGA-LGG, TCIA), split by patient.",
        f"* Each of the {design['seeds']} repetitions locks {data['locked']} patients by its seed, out of one half of all, and "
        f"{data['pool']} may be annotated. The recipe was tried out on the other half alone; {data['ever_locked']} patients are locked in "
        "some repetition.",
        f"* {budgets} annotated cases. The first {design['budgets'][0]} are random, and the same for all strategies of a repetition.",
        "* Then the product's own functions (`gliolabel.selection`) offer one case after the other, by the newest model's scores, as *Next "
        f"Sample* does between two trainings: `most_uncertain` by 1 - mean pairwise Dice of {design['passes']} Monte-Carlo passes, "
        "`stratified_random` by predicted tumour volume. Nobody sees a label before its case is chosen.",
        f"* Recipe `{recipe.name}`: {recipe.sampling.patch[0]} x {recipe.sampling.patch[1]} pixels, {len(recipe.data.channels)} channels, "
        f"{recipe.steps} steps of {recipe.sampling.batch_size} slices. Every training starts from scratch and has the same steps; within a "
        "repetition also the same starting weights and seed. All slices with tumour are trained on, and half as many without.",
        "* Measure: Dice over all slices of a patient, at the files' own size.",
        "* Intervals: 95 %, bootstrap over repetitions and patients at once (10,000 draws), since the same patients are tested in several "
        "repetitions.",
        f"* Machine: {machine['processor']}, {machine['threads']} thread{'s' if machine['threads'] > 1 else ''}, {machine['device']}, "
        f"torch {machine['torch']}, gliolabel {result['code_version']}. {result['found']['seconds']:.0f} s a training with its tests and "
        "scores (median, with other work on the machine).",
        "",
    ]


def _limits(result: dict[str, Any]) -> list[str]:
    return [
        "## What this does not say",
        "",
        f"* {result['data']['patients']} patients and {result['design']['seeds']} repetitions resolve large differences alone. Published "
        "comparisons on far more cases rarely find a strategy that beats a good random one (Lüth et al., nnActive, TMLR 2025).",
        "* The network is tiny and the labels are those of the data set: a simulated reader makes no mistakes, needs the same time for "
        "every case, and is not helped by a mask to correct.",
        "* The slices do not tell their spacing, so tumour volume is counted in pixels, and there is one region, without enhancement.",
        "* Two attempts were stopped before this one: after two trainings, as patients were locked on whom the recipe had been tried out; "
        "and after nine, when a training on four cases ended in empty masks everywhere. The recipe then got balanced class weights, tried "
        "out on the half that is never locked, and the study began anew.",
        "* Cases, not slices, are chosen. `most_uncertain` has another use besides: it shows a reader first where the model needs help.",
    ]


if __name__ == "__main__":
    sys.exit(main())
