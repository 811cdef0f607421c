"""Write the page of measured uncertainty from what `gliolabel evaluate --uncertainty` wrote.

python docs/uncertainty/make_page.py RESULTS/uncertainty.json    # take over new results, and write the page
python docs/uncertainty/make_page.py                             # write the page from the results taken over before
python docs/uncertainty/make_page.py --check                     # exit 1 if the page is not what they say
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gliolabel.evaluation.figures.style import Picture
from gliolabel.evaluation.uncertainty.figures import draw_places, draw_reliability, draw_risk
from gliolabel.vocabulary import REGIONS, RESEARCH_NOTICE

HERE = Path(__file__).parent
MEASURED = HERE / "measured.json"
PAGE = HERE.parent / "reference" / "uncertainty.md"

_PICTURES = {"risk": draw_risk, "reliability": draw_reliability, "places": draw_places}


def main() -> int:
    """Write or check the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="?", type=Path, help="uncertainty.json of a run")
    parser.add_argument("--check", action="store_true", help="write nothing, and exit 1 if the page is stale")
    options = parser.parse_args()
    if options.results is not None:
        MEASURED.write_text(json.dumps(_taken_over(json.loads(options.results.read_text())), indent=1) + "\n")
    about = json.loads(MEASURED.read_text())
    pictures = {name: draw(about) for name, draw in _PICTURES.items()}
    text = "\n".join(page(about, pictures)) + "\n"
    if options.check:
        if PAGE.read_text() != text:
            print(f"{PAGE} is not what {MEASURED} says; run python docs/uncertainty/make_page.py")
            return 1
        return 0
    for name, picture in pictures.items():
        _picture_file(name).write_bytes(base64.b64decode(picture.address.split(",", 1)[1]))
    PAGE.write_text(text)
    print(PAGE)
    return 0


def page(about: Mapping[str, Any], pictures: Mapping[str, Picture]) -> list[str]:
    """The lines of the page.

    Args:
        about: what `gliolabel evaluate --uncertainty` wrote.
        pictures: by name.
    """
    return [
        *_head(about),
        *_risk(about, pictures["risk"]),
        *_qu_brats(about),
        *_calibration(about, pictures["reliability"]),
        *_triage(about),
        *_passes(about),
        *_places(about, pictures["places"]),
        *_cases(about),
    ]


def _head(about: Mapping[str, Any]) -> list[str]:
    machine, models = about["machine"], about["models"]
    kept = HERE.parent / "model-cards" / "held-out"
    files = [f"docs/model-cards/held-out/{model['file']}" if (kept / model["file"]).is_file() else model["file"] for model in models]
    weights = " ".join(f"--fold-weights {file}" for file in files)
    tested = "; ".join(
        f"{model['label']} (trained on {model['training_cases']} others) on {', '.join(model['tested_on'])}" for model in models
    )
    few = len(about["cases"])
    number = f"{few} case" if few == 1 else f"{few} cases"
    lines = [
        "# Measured uncertainty",
        "",
        "Written by `python docs/uncertainty/make_page.py` from the output of `gliolabel evaluate --uncertainty`; do not edit.",
        "[Uncertainty](../concepts/uncertainty.md) says what the maps are, [Test and compare models](../how-to/evaluate.md) how to",
        "test yours.",
        "",
        f"* Command: `gliolabel evaluate --uncertainty {weights} --studies BRATS --report RESULTS`",
        f"* Data: {number} of BraTS 2018 and 2021 that the tested weights never saw, split by patient: {tested}.",
        f"* {about['passes'][-1]} passes, seed {about['seed']}.",
        f"* Machine: {machine['processor']}, {'GPU ' + machine['gpu'] if 'gpu' in machine else 'no GPU'}, {about['models'][0]['device']}; "
        f"torch {machine['torch']}.",
        "* The shipped weights were trained on all twenty cases: no case is left to test their maps on. These are weights that four",
        "  cases were kept from.",
        f"* {RESEARCH_NOTICE}",
        "",
    ]
    if few < 10:
        lines += [
            f"**Measured on {number}: that is few.** The intervals below are wide and one odd case moves every mean: read in how many "
            "cases a map is better and worse rather than the means, and nothing here as a proof.",
            "",
        ]
    return lines


def _risk(about: Mapping[str, Any], picture: Picture) -> list[str]:
    lines = [
        "## Error against uncertainty",
        "",
        "AURC times 1000 over the voxels of the brain: the mean error rate of a region's mask as more and more voxels are kept, the most",
        "certain first. Less is better. *Best* is what no map can beat.",
        "",
        *_image("risk", picture),
        "| map | " + " | ".join(REGIONS) + " |",
        "|---" * (1 + len(REGIONS)) + "|",
        *(
            f"| {kind['title']} | " + " | ".join(f"{1000 * _at(about, region, name)['aurc']:.3f}" for region in REGIONS) + " |"
            for name, kind in about["maps"].items()
            if name != "max_probability_doubled"
        ),
        "| *best* | " + " | ".join(f"{1000 * about['best_aurc'][region]:.3f}" for region in REGIONS) + " |",
        "",
        *_differences(
            about,
            "aurc",
            factor=1000,
            digits=3,
            text="AURC times 1000, the map less the baseline on the same cases; below 0 the map is better.",
        ),
    ]
    return [*lines, *_verdict(about)]


def _verdict(about: Mapping[str, Any]) -> list[str]:
    """In a sentence a region: does the served map beat 1 - max probability?"""
    sentences = []
    for region in REGIONS:
        found = _difference(about, region=region, measure="aurc", name=about["served"], baseline="max_probability")
        side = "lower (better)" if found["mean_difference"] < 0 else "higher (worse)"
        sentences.append(
            f"* {region}: the served map's mean AURC is {abs(100 * found['mean_difference'] / found['baseline_mean']):.0f} % {side} than "
            f"that of 1 - max probability; better in {found['better']} of {found['n']} cases."
        )
    return [*sentences, ""]


def _qu_brats(about: Mapping[str, Any]) -> list[str]:
    lines = [
        "## QU-BraTS score",
        "",
        "(area of the filtered Dice + 1 - area of the filtered true positives + 1 - area of the filtered true negatives) / 3, thresholds",
        "0 to 100 in 40 steps, as in the challenge (Mehta et al., MELBA 2022:026). A map of zeros scores (Dice + 2) / 3: only what a",
        "map gains over that says something about it. Maps run from 0 to 100, but for 1 - max probability as it is, 0 to",
        "50. *Rank* is the mean rank over cases among these maps, 1 is best.",
        "",
        "| map | " + " | ".join(f"{region} | rank" for region in REGIONS) + " |",
        "|---" * (1 + 2 * len(REGIONS)) + "|",
    ]
    for name, kind in about["maps"].items():
        cells = [f"{(found := _at(about, region, name))['qu_brats']:.4f} | {found['qu_brats_rank']:.1f}" for region in REGIONS]
        lines.append(f"| {kind['title']} | " + " | ".join(cells) + " |")
    text = "QU-BraTS score, the map less the baseline on the same cases; above 0 the map is better."
    return [*lines, "", *_differences(about, "qu_brats", factor=1, digits=4, text=text)]


def _differences(about: Mapping[str, Any], measure: str, *, factor: float, digits: int, text: str) -> list[str]:
    lines = [
        f"{text} In brackets the 95 % interval (bootstrap over patients), then in how many cases the map is better and worse.",
        "",
        "| map | against | " + " | ".join(REGIONS) + " |",
        "|---" * (2 + len(REGIONS)) + "|",
    ]
    for name in (name for name, kind in about["maps"].items() if kind["passes"]):
        for baseline in about["baselines"]:
            cells = []
            for region in REGIONS:
                found = _difference(about, region=region, measure=measure, name=name, baseline=baseline)
                bounds = found["interval"]
                interval = "" if bounds is None else f" ({factor * bounds['low']:+.{digits}f} to {factor * bounds['high']:+.{digits}f})"
                cells.append(f"{factor * found['mean_difference']:+.{digits}f}{interval}, {found['better']} / {found['worse']}")
            lines.append(f"| {about['maps'][name]['title']} | {about['maps'][baseline]['title']} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _calibration(about: Mapping[str, Any], picture: Picture) -> list[str]:
    lines = [
        "## Calibration",
        "",
        "Expected calibration error over the voxels of the brain, 15 equal bins, all cases pooled. *After*: logits divided by a",
        "temperature that was fitted on the other patients. *Temperature*: fitted on all of them.",
        "",
        *_image("reliability", picture),
        "| probabilities | " + " | ".join(f"{region} before | after | temperature" for region in REGIONS) + " |",
        "|---" * (1 + 3 * len(REGIONS)) + "|",
    ]
    for count in ("0", *map(str, about["passes"])):
        cells = []
        for region in REGIONS:
            found = about["calibration"][region][count]
            cells.append(f"{found['before']:.5f} | {_number(found['after'], 5)} | {found['temperature']:.2f}")
        lines.append(f"| {'served' if count == '0' else f'mean of {count} passes'} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _triage(about: Mapping[str, Any]) -> list[str]:
    lines = [
        "## Triage",
        "",
        "Mean Dice (of WT, TC, ET) of the most uncertain third of the cases and of the others. AURC over cases: the mean of 1 - mean Dice",
        "as more and more uncertain cases are kept; *random* in random order, *best* in the best. Rank correlation of doubt and Dice: -1",
        "is best.",
        "",
        "| cases by | passes | the most uncertain | their Dice | Dice of the rest | AURC | random | best | rank correlation |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for found in about["triage"].values():
        for count, row in found["by_passes"].items():
            if row is None:
                lines.append(f"| {found['meaning']} | {count} | says the same of all | | | | | | |")
                continue
            numbers = (row["of_uncertain"]["mean"], row["of_rest"]["mean"], row["aurc"], row["aurc_random"], row["aurc_best"])
            cells = [*(f"{number:.3f}" for number in numbers), _number(row["spearman"], 2)]
            lines.append(
                f"| {found['meaning']} | {count if count != '0' else 'none'} | {', '.join(row['uncertain'])} | " + " | ".join(cells) + " |"
            )
    return [*lines, ""]


def _passes(about: Mapping[str, Any]) -> list[str]:
    served = about["served"]
    lines = [
        "## Number of passes",
        "",
        f"All from the same run of {about['passes'][-1]} passes. *Change*: mean absolute difference of the served map in the brain from",
        "that of the last row. AURC times 1000 and QU-BraTS score of the served map; share of the error near the first 5 places.",
        "",
        "| passes | change | " + " | ".join(f"{region} AURC | QU-BraTS" for region in REGIONS) + " | near 5 places |",
        "|---" * (3 + 2 * len(REGIONS)) + "|",
    ]
    for count in map(str, about["passes"]):
        cells = []
        for region in REGIONS:
            found = about["numbers"][region][served][count]
            cells.append(f"{1000 * found['aurc']:.3f} | {found['qu_brats']:.4f}")
        share = about["places"]["served"]["by_passes"][count]["mean"]
        lines.append(f"| {count} | {about['change'][count]:.5f} | " + " | ".join(cells) + f" | {_percent(share)} |")
    return [*lines, "", "How long passes take stands in [Measured speed](speed.md).", ""]


def _places(about: Mapping[str, Any], picture: Picture) -> list[str]:
    last = str(about["passes"][-1])
    lines = [
        "## Places to look at",
        "",
        "Share of all voxels labelled wrong that lie within 5 mm of the first 5 places; mean over cases. Five balls of 5 mm are 2.6 mL",
        "together: the larger the error, the less of it five places can show, and the last row is about the most. *Less random*: the",
        "paired difference from places drawn on the mask's border, with its 95 % interval.",
        "",
        *_image("places", picture),
        "| places | passes | share | less random | better / worse |",
        "|---|---|---|---|---|",
    ]
    for found in about["places"].values():
        count = last if last in found["by_passes"] else "0"
        against = found.get("against_border")
        cells = ["", ""]
        if against is not None and against["n"]:
            bounds = against["interval"]
            interval = "" if bounds is None else f" ({100 * bounds['low']:+.1f} to {100 * bounds['high']:+.1f})"
            cells = [f"{100 * against['mean_difference']:+.1f}{interval}", f"{against['better']} / {against['worse']}"]
        share = _percent(found["by_passes"][count]["mean"])
        lines.append(f"| {found['meaning']} | {count if count != '0' else 'none'} | {share} | {cells[0]} | {cells[1]} |")
    return [*lines, ""]


def _cases(about: Mapping[str, Any]) -> list[str]:
    last, served = str(about["passes"][-1]), about["served"]
    lines = [
        "## Every case",
        "",
        "Doubt is 1 less the pairwise Dice of the worst region. AURC times 1000 of the served map, and of 1 - max probability.",
        "",
        "| case | doubt | wrong, mL | near 5 places (random) | " + " | ".join(f"{r} Dice | AURC | 1 - max p" for r in REGIONS) + " |",
        "|---" * (4 + 3 * len(REGIONS)) + "|",
    ]
    for case, row in about["cases"].items():
        cells = [
            f"{row['dice'][r]:.3f} | {1000 * row['maps'][served][r]['aurc']:.3f} | {1000 * row['maps']['max_probability'][r]['aurc']:.3f}"
            for r in REGIONS
        ]
        places = f"{_percent(row['places']['served'])} ({_percent(row['places']['border'])})"
        doubt = row["doubt"]["disagreement"][last]
        lines.append(f"| {case} | {doubt:.3f} | {row['wrong_ml']['label']:.1f} | {places} | " + " | ".join(cells) + " |")
    return lines


def _at(about: Mapping[str, Any], region: str, name: str) -> Mapping[str, Any]:
    by_count: Mapping[str, Mapping[str, Any]] = about["numbers"][region][name]
    return by_count.get(str(about["passes"][-1])) or by_count["0"]


def _difference(about: Mapping[str, Any], **wanted: str) -> Mapping[str, Any]:
    name = wanted.pop("name")
    rows: Sequence[Mapping[str, Any]] = about["differences"]
    return next(
        row for row in rows if row["map"] == name and row["passes"] == about["passes"][-1] and all(row[k] == v for k, v in wanted.items())
    )


def _image(name: str, picture: Picture) -> list[str]:
    return [f"![{picture.alt}]({_picture_file(name).name})", "", picture.caption, ""]


def _picture_file(name: str) -> Path:
    return PAGE.with_name(f"uncertainty-{name}.svg")


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _taken_over(results: Mapping[str, Any]) -> dict[str, Any]:
    """Without the folders of the machine that ran it, and the recipe, which stands in the weights file."""
    kept = dict(results)
    kept["studies"] = {**results["studies"], "folder": Path(results["studies"]["folder"]).name}
    kept["models"] = [
        {**{k: v for k, v in model.items() if k != "recipe"}, "file": Path(model["file"]).name} for model in results["models"]
    ]
    return kept


if __name__ == "__main__":
    sys.exit(main())
