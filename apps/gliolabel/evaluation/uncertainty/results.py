"""The results as files: ``uncertainty.json`` with everything, ``uncertainty.csv`` with one row a case, region, map and number of passes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from gliolabel.evaluation.results import describe_model, heading, write_table
from gliolabel.evaluation.uncertainty.running import UncertaintyRun

COLUMNS: Final = (
    "model", "version", "case", "patient", "trained_on", "region", "dice", "wrong_ml", "map", "passes", "aurc", "best_aurc", "qu_brats",
    "dice_area", "filtered_tp_area", "filtered_tn_area", "pairwise_dice", "volume_cv", "band_mean", "device", "seconds",
)  # fmt: skip

#: Of the scores of a region; they belong to the passes, not to a map.
_SCORES: Final = ("pairwise_dice", "volume_cv", "band_mean")


def describe_uncertainty(
    run: UncertaintyRun, content: Mapping[str, Any], *, studies: Path, layout: str, digests: Mapping[str, Mapping[str, str]], seed: int
) -> dict[str, Any]:
    """Everything as JSON.

    Args:
        run: what was found.
        content: what :func:`~gliolabel.evaluation.uncertainty.analysis.analyse_uncertainty` returned.
        studies: the study folder.
        layout: what it looks like, in words.
        digests: SHA-256 of each case's files.
        seed: seed of the bootstrap.
    """
    return {
        **heading(studies=studies, layout=layout, digests={case: digests[case] for case in run.outcomes}, seed=seed),
        "models": [
            {
                **describe_model(p.segmenter.model_version, label=p.label, sha256=p.sha256, device=p.segmenter.device),
                "tested_on": list(run.tested[p.label]),
            }
            for p in run.parts
        ],
        "trained_on_tested_cases": list(run.seen),
        "failed": dict(run.failed),
        **content,
    }


def write_rows(run: UncertaintyRun, path: Path) -> None:
    """Write the tidy table; ``trained_on`` is yes where the model saw the case in training, passes 0 where a map needs none.

    Raises:
        UnavailableError: the disk is full or cannot be written.
    """
    write_table(_rows(run), COLUMNS, path)


def _rows(run: UncertaintyRun) -> Iterator[dict[str, object]]:
    for part in run.parts:
        version = part.segmenter.model_version
        for case in run.tested[part.label]:
            outcome = run.outcomes[case]
            about = {"model": version.name, "version": version.version, "case": case, "patient": outcome.patient, "device": outcome.device}
            about["trained_on"] = "yes" if case in part.seen else "no"
            for name, by_count in outcome.maps.items():
                for count, regions in by_count.items():
                    for region, numbers in regions.items():
                        scores = outcome.scores.get(count, {}).get(region, {})
                        yield {
                            **about,
                            "region": region,
                            "dice": outcome.dice[region],
                            "wrong_ml": outcome.wrong_ml[region],
                            "map": name,
                            "passes": count,
                            "best_aurc": outcome.best_aurc[region],
                            "seconds": outcome.seconds.get(count, ""),
                            **numbers,
                            **{score: "" if (value := scores.get(score)) is None else value for score in _SCORES},
                        }
