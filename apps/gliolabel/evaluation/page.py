"""One page for people: numbers, pictures and what they mean, in a single file that loads nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from gliolabel.evaluation import figures
from gliolabel.evaluation.analysis import Analysis
from gliolabel.evaluation.figures.calibration import pooled
from gliolabel.evaluation.files import write_whole
from gliolabel.evaluation.measures import CLASSES_ROW, MEASURES
from gliolabel.evaluation.running import Evaluation
from gliolabel.evaluation.templates import templates
from gliolabel.vocabulary import REGIONS, RESEARCH_NOTICE

#: Cases of each model that are shown as pictures.
WORST: Final = 4

#: Measures that have a box plot of their own, and those that models are compared in on the page (all are in results.json).
_PLOTTED: Final = ("dice", "hd95_mm", "volume_error_ml")
_COMPARED: Final = ("dice", "iou", "hd95_mm", "volume_error_ml")

#: Columns of the summary and their digits.
_COLUMNS: Final = {"dice": 3, "iou": 3, "accuracy": 3, "hd95_mm": 1, "volume_error_ml": 1, "volume_error_percent": 0}

REGION_NAMES: Final = {
    "WT": "whole tumour",
    "TC": "tumour core",
    "ET": "enhancing tumour",
    "tumour": "tumour",
    CLASSES_ROW: "mean of the classes",
}


def write_page(evaluation: Evaluation, analysis: Analysis, path: Path, *, about: Mapping[str, Any], title: str = "") -> None:
    """Write the page.

    Args:
        evaluation: what was found; at least one case was finished.
        analysis: its statistics.
        path: the file.
        about: what :func:`gliolabel.evaluation.results.describe` returned.
        title: heading; by default the models' names.

    Raises:
        UnavailableError: the disk is full or cannot be written.
    """
    text = (
        templates("gliolabel.evaluation")
        .get_template("page.html")
        .render(
            title=title or "Evaluation of " + ", ".join(model.label for model in evaluation.models),
            notice=RESEARCH_NOTICE,
            about=about,
            evaluation=evaluation,
            measures=MEASURES,
            regions={name: REGION_NAMES.get(name, name) for name in (*evaluation.regions, CLASSES_ROW)},
            region_values=REGIONS,
            summary=analysis.summaries,
            columns=[(name, digits) for name, digits in _COLUMNS.items() if _given(analysis, name)],
            compared=[pair for pair in analysis.pairs if pair.measure in _COMPARED and pair.region != CLASSES_ROW],
            errors=_calibration_errors(evaluation),
            boxes=[picture for name in _PLOTTED if (picture := figures.draw_boxes(evaluation, name))],
            pairs=_pairs(evaluation),
            calibration=figures.draw_calibration(evaluation),
            agreement=figures.draw_agreement(evaluation),
            worst=_worst(evaluation),
            curves=[c for m in evaluation.models if (c := figures.draw_curves(m.predictor.model_version.path, m.label))],
            machine=json.dumps(about["machine"], indent=1),
            classes_row=CLASSES_ROW,
        )
    )
    write_whole(path, lambda target: target.write_text(text, encoding="utf-8"))


def _given(analysis: Analysis, measure: str) -> bool:
    return any(measure in row for regions in analysis.summaries.values() for row in regions.values())


def _pairs(evaluation: Evaluation) -> list[figures.Picture]:
    labels = [model.label for model in evaluation.models]
    drawn = [figures.draw_pairs(evaluation, a, b) for i, a in enumerate(labels) for b in labels[i + 1 :]]
    return [picture for picture in drawn if picture is not None]


def _worst(evaluation: Evaluation) -> dict[str, list[figures.Picture]]:
    found: dict[str, list[figures.Picture]] = {}
    for model in evaluation.models:
        ranked = sorted(evaluation.outcomes[model.label].values(), key=lambda outcome: (outcome.mean_dice, outcome.case))
        found[model.label] = [figures.draw_worst(outcome, model.kept.snapshots(outcome.case)) for outcome in ranked[:WORST]]
    return found


def _calibration_errors(evaluation: Evaluation) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for model in evaluation.models:
        counts = {region: pooled(evaluation, model.label, region) for region in evaluation.regions}
        found[model.label] = {region: counted.calibration_error() for region, counted in counts.items() if counted is not None}
    return found
