"""The results as files: ``results.csv`` with one row a model, case and region, ``results.json`` with everything."""

from __future__ import annotations

import csv
import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import monai
import torch

from gliolabel import __version__
from gliolabel.evaluation.analysis import Analysis
from gliolabel.evaluation.files import write_whole
from gliolabel.evaluation.measures import MEASURES
from gliolabel.evaluation.running import Evaluation
from gliolabel.evaluation.statistics import COVERAGE, RESAMPLES
from gliolabel.hardware import processor_name
from gliolabel.recipes import ModelVersion
from gliolabel.vocabulary import RESEARCH_NOTICE

_VOLUMES: Final = ("volume_ml", "true_volume_ml")
COLUMNS: Final = ("model", "version", "case", "patient", "region", "trained_on", *MEASURES, *_VOLUMES, "device", "seconds")

#: Digits kept in the table; far below what a voxel changes.
_DIGITS: Final = 6


def write_csv(evaluation: Evaluation, path: Path) -> None:
    """Write the tidy table: an empty cell where a measure does not exist, ``trained_on`` yes where the model saw the case in training.

    Raises:
        UnavailableError: the disk is full or cannot be written.
    """
    write_table(_rows(evaluation), COLUMNS, path)


def write_table(rows: Iterable[Mapping[str, object]], columns: Sequence[str], path: Path) -> None:
    """Write a CSV file.

    Raises:
        UnavailableError: the disk is full or cannot be written.
    """

    def write(target: Path) -> None:
        with target.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, fieldnames=columns)
            writer.writeheader()
            writer.writerows(rows)

    write_whole(path, write)


def _rows(evaluation: Evaluation) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for model in evaluation.models:
        version = model.predictor.model_version
        for case, outcome in sorted(evaluation.outcomes[model.label].items()):
            about = {"model": version.name, "version": version.version, "case": case, "patient": outcome.patient}
            about |= {"trained_on": "yes" if case in model.seen else "no", "device": outcome.device, "seconds": str(outcome.seconds)}
            for region, row in outcome.rows.items():
                numbers = {name: "" if (v := row.get(name)) is None else round(v, _DIGITS) for name in (*MEASURES, *_VOLUMES)}
                rows.append({**about, "region": region, **numbers})
    return rows


def describe(
    evaluation: Evaluation, analysis: Analysis, *, studies: Path, layout: str, digests: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    """Everything as JSON.

    Args:
        evaluation: what was found.
        analysis: its statistics.
        studies: the study folder.
        layout: what it looks like, in words.
        digests: SHA-256 of each case's files.
    """
    return {
        **heading(studies=studies, layout=layout, digests={case: digests[case] for case in evaluation.cases}, seed=analysis.seed),
        "measures": {name: {"title": m.title, "meaning": m.meaning, "better": m.better} for name, m in MEASURES.items()},
        "models": [
            describe_model(m.predictor.model_version, label=m.label, sha256=m.sha256, device=m.predictor.device) for m in evaluation.models
        ],
        "trained_on_tested_cases": {label: list(cases) for label, cases in evaluation.seen.items()},
        "cases": {label: {case: o.as_json() for case, o in sorted(by.items())} for label, by in evaluation.outcomes.items()},
        "failed": dict(evaluation.failed),
        "summary": {
            label: {region: {name: s.as_json() for name, s in row.items()} for region, row in by.items()}
            for label, by in analysis.summaries.items()
        },
        "comparisons": [
            {"first": pair.first, "second": pair.second, "region": pair.region, "measure": pair.measure, **pair.comparison.as_json()}
            for pair in analysis.pairs
        ],
    }


def heading(*, studies: Path, layout: str, digests: Mapping[str, Mapping[str, str]], seed: int) -> dict[str, Any]:
    """What stands at the head of every result: when, where and of what it was made.

    Args:
        studies: the study folder.
        layout: what it looks like, in words.
        digests: SHA-256 of the files of every case that counts.
        seed: seed of the bootstrap.
    """
    return {
        "notice": RESEARCH_NOTICE,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "gliolabel": __version__,
        "machine": machine(),
        "studies": {
            "folder": str(studies.resolve()),
            "layout": layout,
            "files_sha256": {case: dict(files) for case, files in digests.items()},
        },
        "statistics": {"bootstrap_resamples": RESAMPLES, "coverage": COVERAGE, "seed": seed, "unit": "patient"},
    }


def describe_model(version: ModelVersion, *, label: str, sha256: str, device: str) -> dict[str, Any]:
    """What a result says of a model.

    Args:
        version: the model.
        label: how it is called in tables.
        sha256: of its weights file.
        device: where it ran.
    """
    return {
        "label": label,
        "name": version.name,
        "version": version.version,
        "file": str(version.path),
        "weights_sha256": sha256,
        "recipe": version.recipe.model_dump(mode="json"),
        "training_cases": len(version.metadata.get("trained_on", {})),
        "code_version": version.metadata.get("code_version"),
        "calibration": None if version.calibration is None else dict(version.calibration),
        "device": device,
    }


def machine() -> dict[str, str]:
    """Where this runs: system, processor, accelerator, versions."""
    found = {
        "system": platform.platform(),
        "processor": processor_name(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "monai": monai.__version__,
    }
    if torch.cuda.is_available():
        found["gpu"] = torch.cuda.get_device_name()
    return found


def write_json(content: Mapping[str, Any], path: Path) -> None:
    """Write JSON without NaN or infinity.

    Raises:
        UnavailableError: the disk is full or cannot be written.
    """
    text = json.dumps(content, indent=1, allow_nan=False, default=str)
    write_whole(path, lambda target: target.write_text(text + "\n", encoding="utf-8"))
