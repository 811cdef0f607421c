"""The statistics of an evaluation: every measure summarised, every two models compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gliolabel.evaluation.comparison import Comparison, compare_pairs
from gliolabel.evaluation.measures import CLASSES_ROW, MEASURES
from gliolabel.evaluation.running import Evaluation
from gliolabel.evaluation.statistics import Summary, summarise


@dataclass(frozen=True)
class Pair:
    """Two models in one measure of one region; the comparison is second minus first."""

    first: str
    second: str
    region: str
    measure: str
    comparison: Comparison


@dataclass(frozen=True)
class Analysis:
    """What the cases say together.

    Args:
        summaries: by model label, region (and the row of the classes) and measure.
        pairs: every later model against every earlier one.
        seed: seed of the bootstrap.
    """

    summaries: Mapping[str, Mapping[str, Mapping[str, Summary]]]
    pairs: tuple[Pair, ...]
    seed: int


def analyse(evaluation: Evaluation, *, seed: int = 0) -> Analysis:
    """Summarise and compare.

    Args:
        evaluation: what was found.
        seed: seed of the bootstrap.
    """
    return Analysis(summaries=_summaries(evaluation, seed), pairs=tuple(_pairs(evaluation, seed)), seed=seed)


def _summaries(evaluation: Evaluation, seed: int) -> dict[str, dict[str, dict[str, Summary]]]:
    found: dict[str, dict[str, dict[str, Summary]]] = {}
    for model in evaluation.models:
        by_region = found.setdefault(model.label, {})
        for region in (*evaluation.regions, CLASSES_ROW):
            columns = {name: evaluation.values(model.label, region, name) for name in MEASURES}
            kept = {name: values for name, values in columns.items() if any(v is not None for v in values.values())}
            if kept:
                by_region[region] = {n: summarise(v, patients=evaluation.patients, seed=seed) for n, v in kept.items()}
    return found


def _pairs(evaluation: Evaluation, seed: int) -> list[Pair]:
    labels = [model.label for model in evaluation.models]
    found: list[Pair] = []
    for i, first in enumerate(labels):
        for second in labels[i + 1 :]:
            for region in (*evaluation.regions, CLASSES_ROW):
                for measure in MEASURES:
                    if measure.startswith("score") and _score_of(evaluation, first) != _score_of(evaluation, second):
                        continue  # two recipes' scores are not the same number
                    a, b = (evaluation.values(label, region, measure) for label in (first, second))
                    result = compare_pairs(a, b, measure=measure, patients=evaluation.patients, seed=seed)
                    if result.n:
                        found.append(Pair(first, second, region, measure, result))
    return found


def _score_of(evaluation: Evaluation, label: str) -> tuple[object, float]:
    recipe = next(model.predictor.model_version.recipe for model in evaluation.models if model.label == label)
    return recipe.score, recipe.inference.threshold
