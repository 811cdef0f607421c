"""Write the model cards from the weights files' own headers and the tables of held-out cases.

    python docs/model-cards/make_cards.py            # write MODEL.md for every model of the package
    python docs/model-cards/make_cards.py --check    # exit 1 if a card is not what the files say

The tables ``folds/MODEL-foldK.json`` are what ``gliolabel train ... --fold K`` writes as ``held-out.json``; those of other trainings on the
same folds, for comparison alone, are ``folds/MODEL-TRAINING-foldK.json``. Weights of a fold that are kept, because the package's saw all
cases and something must be tested on cases that a model never saw, are ``held-out/MODEL-foldK.safetensors``.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from gliolabel.recipes import ModelVersion
from gliolabel.recipes.schema import InferenceSection
from gliolabel.registry import Registry
from gliolabel.uncertainty.calibration import Reliability
from gliolabel.vocabulary import REGIONS, RESEARCH_NOTICE

HERE = Path(__file__).parent

#: Trainings that the package's are compared with, by model and by the name in their tables' files.
OTHER_TRAININGS = {
    "unet3d": {
        "plain": "plain: full width, instance normalisation, blocks of 64 x 64 x 64, only flips and changes of intensity",
        "instance": "as in the package before starter-3: instance normalisation, blocks and nearly whole brains in turn",
        "blocks": "as in the package, without its last stage of larger blocks",
        "probable": "as in the package, but a mask of the most probable class",
        "start": "the recipe alone, from the start: batch normalisation, a third as long as the package's or less",
    },
    "resunet2d": {"plain": "plain: axial slices alone, only flips and changes of intensity; tumour above 0.5"},
}

INTENDED = """\
For research on pre-operative adult glioma: a first mask for a person to correct, in MRI that is skull-stripped and co-registered like
BraTS (T1, contrast-enhanced T1, T2, FLAIR at about 1 mm). Not for diagnosis or treatment decisions, not for children, not for
post-operative images, not for other tumours."""

FAILURES = """\
* Few training cases: expect it to miss what they do not show (resection cavities, metastases, other contrast agents, motion).
* Enhancing tumour below about 1 mL is often missed or overdrawn; Dice is then near 0 although few voxels are wrong.
* Low-grade tumours with little enhancement: necrosis and edema are confused, which lowers TC, and enhancing tumour is drawn where there is
  none. A warning says so when it is hardly brighter on contrast-enhanced T1 than the brain beside the tumour.
* `unet3d` may mark healthy brain far from the tumour, up to some 5 mL: HD95 is then above 40 mm although the Dice is high.
* Faint edema at the tumour's rim is left out more often than healthy brain is taken for it: most whole tumours above are drawn too small.
* With the skull still in, the head is taken for the brain: strip the skull first.
* A single sequence gives far worse results than four; the table above shows what each one is worth.
* The temperature below was fitted on the held-out cases of the folds that ran; it says little about other scanners."""


def card(model: ModelVersion, folds: Mapping[str, Mapping[str, Any]], *, others: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    """The text of one card, from the tables of the model's folds and of other trainings' on the same folds."""
    about = model.metadata
    lines = [
        f"# Model card: {model.name}, version {model.version}",
        "",
        f"{model.recipe.title}. **{RESEARCH_NOTICE}**",
        "",
        "Written by `python docs/model-cards/make_cards.py` from the weights file and the tables in `folds/`; do not edit.",
        "",
        "## What it is for",
        "",
        INTENDED,
        "",
        "## Training",
        "",
        *_training(model, about),
        "",
        "## Accuracy on held-out cases",
        "",
        *_accuracy(folds, about["trained_on"], rule=model.recipe.inference),
        *_kept(model.name),
        *(_calibration(folds) if folds else []),
        "",
        *_comparison(folds, others),
        "## Known failures",
        "",
        FAILURES,
        "",
        "## Training images",
        "",
        "SHA-256 of every image file. A case whose image stands here must never test this model.",
        "",
        "| case | sequence | SHA-256 |",
        "|---|---|---|",
        *[f"| {case} | {name} | `{digest}` |" for case, files in sorted(about["trained_on"].items()) for name, digest in files.items()],
        "",
    ]
    return "\n".join(lines)


def _training(model: ModelVersion, about: Mapping[str, Any]) -> list[str]:
    recipe = model.recipe
    network = model.build()
    trainable = sum(p.numel() for p in network.parameters())
    started = about.get("started_from")
    return [
        f"* Cases: {len(about['trained_on'])}, all named below.",
        *[f"* Terms, {cohort}: {terms}." for cohort, terms in about["terms"].items()],
        f"* Network: {recipe.source}; {trainable:,} trainable parameters, stored in float16.",
        f"* Recipe `{recipe.name}`: patches {' x '.join(map(str, recipe.sampling.patch))}, batch {recipe.sampling.batch_size}, "
        f"AdamW, highest learning rate {recipe.optimiser.learning_rate:g}, {about['steps']} steps"
        + (f", started from {started['name']} {started['version']} ({started['steps']} steps)" if started else "")
        + ". The weights file holds the whole recipe; `gliolabel models show` prints it.",
        f"* Code: {about['code_version']}. Weights file: SHA-256 `{model.sha256()}`.",
    ]


def _accuracy(folds: Mapping[str, Mapping[str, Any]], trained_on: Collection[str], *, rule: InferenceSection) -> list[str]:
    if not folds:
        return ["No fold has been run."]
    cases = {case: row for table in folds.values() for case, row in table["cases"].items()}
    steps = ", ".join(f"fold {name}: {_trainings(table)}" for name, table in sorted(folds.items()))
    lengths = {json.dumps([table["steps"], table.get("started_from")]) for table in folds.values()}
    unlike = "" if len(lengths) == 1 else " The folds were not trained alike, so they do not differ by their cases alone."
    after = held_out_cases_are(folds, trained_on)
    lines = [
        f"Folds that ran: {', '.join(sorted(folds))} of five (0 to 4), split by patient; {len(cases)} cases in all. Each was segmented "
        f"by a model that never saw it ({steps}).{unlike} {after}",
        *_masks(folds, rule),
        "",
        "| case | " + " | ".join(f"{r} Dice | {r} HD95 (mm) | {r} mL (true)" for r in REGIONS) + " |",
        "|---" * (1 + 3 * len(REGIONS)) + "|",
    ]
    for case, row in sorted(cases.items()):
        cells = []
        for region in REGIONS:
            value = row[region]
            distance = "-" if value["hd95_mm"] is None else f"{value['hd95_mm']:.1f}"
            cells.append(f"{value['dice']:.3f} | {distance} | {value['volume_ml']:.1f} ({value['true_volume_ml']:.1f})")
        lines.append(f"| {case} | " + " | ".join(cells) + " |")
    lines.append("| **mean** | " + " | ".join(f"{_mean_cells(cases.values(), region)} | " for region in REGIONS) + " |")
    lines += [
        "",
        "Mean Dice by fold, and without each sequence (the other three given):",
        "",
        "| fold | given | " + " | ".join(REGIONS) + " |",
    ]
    lines.append("|---|---|" + "---|" * len(REGIONS))
    for name, table in sorted(folds.items()):
        lines.append(f"| {name} | all four | {_dice_cells(table['mean_dice'])} |")
        for sequence, values in table["without"].items():
            lines.append(f"| {name} | no {sequence} | {_dice_cells(values)} |")
    for name, table in sorted(folds.items()):
        cost = table["precision"]
        lines += [
            "",
            f"Fold {name} on {cost['format']} against float32: {cost['differing_per_million']:g} voxels in a million get another label; "
            f"the largest change of any case's Dice is {cost['largest_dice_change']:.4f}.",
        ]
    return lines


def _kept(name: str) -> list[str]:
    """Where weights lie that can still be tested on held-out cases."""
    lines = []
    for path in sorted((HERE / "held-out").glob(f"{name}-fold*.safetensors")):
        lines += [
            "",
            f"The weights of fold {path.stem.rsplit('fold', 1)[1]} are kept beside this card, in `docs/model-cards/held-out/{path.name}` "
            f"(SHA-256 `{ModelVersion.load(path).sha256()}`): the measurements of this site that need cases which a model never saw are "
            "made with them. They are no part of the package.",
        ]
    return lines


def _comparison(folds: Mapping[str, Mapping[str, Any]], others: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[str]:
    """Mean Dice of other trainings on the held-out cases of the same folds."""
    if not others:
        return []
    trainings = {**others, "as in the package": folds}
    rows = sorted((fold, title, table) for title, tables in trainings.items() for fold, table in tables.items())
    return [
        "## Beside other trainings",
        "",
        "Mean Dice and HD95 on the held-out cases of each fold; compare within a fold. Masks of other trainings are of the most probable "
        "class where nothing else is said. Only the tables of trainings like the package's are in the case table and the calibration.",
        "",
        "| fold | training | steps | " + " | ".join(f"{r} Dice | {r} HD95 (mm)" for r in REGIONS) + " |",
        "|---|---|---|" + "---|" * (2 * len(REGIONS)),
        *(
            f"| {fold} | {title} | {_trainings(table)} | "
            + " | ".join(_mean_cells(table["cases"].values(), region) for region in REGIONS)
            + " |"
            for fold, title, table in rows
        ),
        "",
    ]


def _masks(folds: Mapping[str, Mapping[str, Any]], rule: InferenceSection) -> list[str]:
    """How masks follow from probabilities, and which tables are of masks made otherwise."""
    lines = []
    if rule.tumour_threshold is not None:
        lines = ["", f"A voxel is tumour where the probabilities of its classes add up to more than {rule.tumour_threshold:g}."]
    if rule.island_peak is not None:
        lines.append(f"Parts of the tumour other than the largest stay only where they add up to more than {rule.island_peak:g} somewhere.")
    made = (rule.tumour_threshold, rule.island_peak)
    other = [name for name, table in sorted(folds.items()) if (table.get("tumour_threshold"), table.get("island_peak")) != made]
    if other:
        lines.append(
            f"The table of fold {', '.join(other)} is older, of masks of the most probable class; that fold's weights were not kept."
        )
    return lines


def held_out_cases_are(folds: Mapping[str, Mapping[str, Any]], trained_on: Collection[str]) -> str:
    """What the held-out cases are to the weights in the package."""
    seen = [name for name, table in sorted(folds.items()) if set(table["cases"]) & set(trained_on)]
    if not seen:
        return "It is the model in the package: the weights never saw these cases."
    if len(seen) == len(folds):
        return "The weights in the package saw these cases too, which therefore cannot test them."
    unseen = [name for name in sorted(folds) if name not in seen]
    return (
        f"The model of fold {', '.join(unseen)} is the one in the package, which never saw these cases; the other folds' cases are "
        "among its training cases, and say what such a training is worth, not what these weights are."
    )


def _trainings(table: Mapping[str, Any]) -> str:
    before = table.get("started_from")
    if before is None:
        return f"{table['steps']} steps"
    return f"{table['steps']} steps in its last training, which started from {before['version']} ({before['steps']} steps in its last)"


def _dice_cells(values: Mapping[str, float]) -> str:
    return " | ".join(f"{values[region]:.3f}" for region in REGIONS)


def _mean_cells(rows: Iterable[Mapping[str, Any]], region: str) -> str:
    """Mean Dice and mean HD95 of a region; HD95 is missing where a case has no such region, or the mask none."""
    values = [row[region] for row in rows]
    distances = [v["hd95_mm"] for v in values if v["hd95_mm"] is not None]
    return f"{statistics.mean(v['dice'] for v in values):.3f} | {statistics.mean(distances):.1f}"


def _calibration(folds: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = [
        "",
        "## Calibration",
        "",
        "Expected calibration error over the voxels of the brain, 15 equal bins, before and after dividing logits by the temperature; "
        "held-out cases of all folds that ran, pooled. The temperature is stored with the weights; the served probabilities are raw.",
        "",
        "| region | ECE before | temperature | ECE after |",
        "|---|---|---|---|",
    ]
    for region in REGIONS:
        pooled = pooled_reliability(folds.values(), region)
        temperature = pooled.temperature()
        before, after = pooled.calibration_error(), pooled.calibration_error(temperature)
        lines.append(f"| {region} | {before:.4f} | {temperature:.2f} | {after:.4f} |")
    return lines


def pooled_reliability(tables: Iterable[Mapping[str, Any]], region: str) -> Reliability:
    """The counts of all folds together."""
    first, *rest = [Reliability.from_json(table["reliability"][region]) for table in tables]
    return sum(rest, start=first)


def read_folds(name: str) -> dict[str, dict[str, Any]]:
    """The tables of a model's folds, by fold."""
    return {path.stem.rsplit("fold", 1)[1]: json.loads(path.read_text()) for path in sorted((HERE / "folds").glob(f"{name}-fold*.json"))}


def main() -> int:
    """Write or check every card."""
    stale = 0
    registry = Registry()
    for name in registry.names():
        path = HERE / f"{name}.md"
        others = {
            title: tables for training, title in OTHER_TRAININGS.get(name, {}).items() if (tables := read_folds(f"{name}-{training}"))
        }
        text = card(registry.champion(name), read_folds(name), others=others)
        if "--check" not in sys.argv[1:]:
            path.write_text(text)
            print(path)
        elif not path.is_file() or path.read_text() != text:
            print(f"{path} is not what the weights and fold tables say; run python docs/model-cards/make_cards.py")
            stale = 1
    return stale


if __name__ == "__main__":
    sys.exit(main())
