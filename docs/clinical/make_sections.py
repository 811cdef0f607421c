"""Write what `measure.py` measured into the page of raw clinical data; the rest of the page stays.

python docs/clinical/make_sections.py            # write
python docs/clinical/make_sections.py --check    # write nothing; exit code 1 if the page says something else
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from statistics import mean, median
from typing import Any

from gliolabel.cli.benchmark.table import processor_words
from gliolabel.vocabulary import REGIONS

HERE = Path(__file__).parent
PAGE = HERE.parent / "how-to" / "clinical-data.md"
_VARIANTS = {
    "as they are": "as they are, 1 mm",
    "all thick": "all four 0.5 x 0.5 x 5 mm",
    "thick but T1ce": "T1ce 1 mm, the others 0.5 x 0.5 x 5 mm",
    "moved, off": "T2 and FLAIR moved, `register off`",
    "moved, auto": "T2 and FLAIR moved, `register auto`",
}


def main() -> int:
    """Write or check the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    page = PAGE.read_text(encoding="utf-8")
    new = page
    for name, section in (("registration", registration), ("heads", heads), ("sequences", sequences)):
        measured = json.loads((HERE / f"measured-{name}.json").read_text(encoding="utf-8"))
        new = _renewed(new, name, section(measured))
    if options.check:
        return int(new != page)
    PAGE.write_text(new, encoding="utf-8")
    return 0


def registration(measured: Mapping[str, Any]) -> str:
    """What registration found of sequences that lay where they should, and of moved ones."""
    cases = measured["cases"]
    rows = [row for case in cases.values() for row in case.values()]
    lines = [
        f"Measured on {len(cases)} BraTS cases ({len(rows)} sequences beside their T1ce). As they are: smallest overlap "
        f"{min(row['overlap_still'] for row in rows):.4f}, {sum(row['applied_still'] for row in rows)} moved. After a known "
        "movement about each "
        "axis and along it (the error is taken against BraTS' own registration, whose own error is in it):",
        "",
        "| movement | sequences | moved by, mm | noticed and registered | error, mm: mean (worst) | error, degrees: mean (worst) |",
        "|---|---|---|---|---|---|",
    ]
    for size, words in ((1.0, "up to 4 degrees, 5 mm"), (3.0, "up to 12 degrees, 15 mm")):
        some = [row for row in rows if row["size"] == size]
        if not some:
            continue
        errors, angles = [row.get("error_mm", row["before_mm"]) for row in some], [row.get("error_deg", 0.0) for row in some]
        far = [row["before_mm"] for row in some]
        lines.append(
            f"| {words} | {len(some)} | {min(far):.1f} to {max(far):.1f} | {sum(row['applied'] for row in some)} | "
            f"{mean(errors):.2f} ({max(errors):.2f}) | {mean(angles):.2f} ({max(angles):.2f}) |"
        )
    return "\n".join([*lines, "", _command("registration", measured)])


def heads(measured: Mapping[str, Any]) -> str:
    """Whole heads, with and without brain extraction."""
    cases = measured["cases"]
    off, step = [case["off"] for case in cases.values()], [case["clinical"] for case in cases.values()]
    done = [one for one in step if one["applied"]]
    lines = [
        f"**Whole heads.** {len(cases)} patients of the LGG set (T1, T1 after contrast agent and FLAIR in thick slices, T2 "
        "missing; lower-grade glioma; "
        "the truth is what is abnormal on FLAIR). The files tell no spacing: 240 mm across and 150 mm from the first slice to "
        "the last were assumed. "
        "Whole tumour of `unet3d`:",
        "",
        "| | Dice, mean (median, lowest) | volume, mL, mean (true) |",
        "|---|---|---|",
    ]
    truth = mean(case["true_ml"] for case in cases.values())
    for words, rows in (("without the step", off), ("`preprocess clinical`, deepbet", step)):
        scores = [row["WT"] for row in rows]
        lines.append(
            f"| {words} | {mean(scores):.2f} ({median(scores):.2f}, {min(scores):.2f}) | {mean(row['ml'] for row in rows):.0f} "
            f"({truth:.0f}) |"
        )
    lines += [
        "",
        "Without extraction the masks are of no use: they hold much that is no tumour. With it, a first mask for a person to correct, "
        "whose smallest tumour is still much too large. "
        f"deepbet found a brain in {len(done)} "
        f"of {len(cases)} "
        f"({min(one['brain_litres'] for one in done):.2f} to {max(one['brain_litres'] for one in done):.2f} litres), which held "
        f"{mean(one['tumour_inside'] for one in done):.1%} of the tumour on average, "
        f"{min(one['tumour_inside'] for one in done):.1%} at the least. "
        "These are other tumours, scanners and truths than the [model card's](../model-cards/unet3d.md), and a sequence is "
        "missing: the table shows "
        "what extraction is worth, not what four good sequences give. Necrosis and enhancing tumour of whole heads were not measured.",
    ]
    return "\n".join([*lines, "", _command("heads", measured)])


def sequences(measured: Mapping[str, Any]) -> str:
    """Thick slices, and a patient who moved."""
    cases = {case_id: case for case_id, case in measured["cases"].items() if case}
    variants = [name for name in _VARIANTS if all(name in case for case in cases.values())]
    title = "Thick slices, and a patient who moved" if "moved, off" in variants else "Thick slices"
    lines = [
        f"**{title}.** {len(cases)} BraTS cases that the weights never saw "
        f"({', '.join(sorted(cases))}), the brain "
        "already extracted. Thick slices are made from them, as means over 5 mm; a scanner's have gaps and other contrasts, so expect "
        "less. Mean "
        "Dice of `unet3d`, each on the grid it was returned on:",
        "",
        f"| sequences | {' | '.join(REGIONS)} |",
        f"|---|{'---|' * len(REGIONS)}",
    ]
    for name in variants:
        scores = [f"{mean(case[name]['dice'][region] for case in cases.values()):.3f}" for region in REGIONS]
        lines.append(f"| {_VARIANTS[name]} | {' | '.join(scores)} |")
    return "\n".join([*lines, "", _command("sequences", measured)])


def _command(name: str, measured: Mapping[str, Any]) -> str:
    return f"`python docs/clinical/measure.py {name}`; {processor_words(measured['machine'])}."


def _renewed(page: str, name: str, text: str) -> str:
    begin, end = f"<!-- {name}: written by docs/clinical/make_sections.py -->", f"<!-- end of {name} -->"
    before, found, rest = page.partition(begin)
    _, there, after = rest.partition(end)
    if not found or not there:
        raise SystemExit(f"{PAGE}: the lines {begin} and {end} are missing")
    return f"{before}{begin}\n\n{text}\n\n{end}{after}"


if __name__ == "__main__":
    sys.exit(main())
