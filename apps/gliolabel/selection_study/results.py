"""From the records of a study to what it found: curves, areas, paired differences, each with an interval."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import combinations
from statistics import fmean, median
from typing import Any, Final

import numpy as np
from scipy.stats import spearmanr

from gliolabel.evaluation.crossed import crossed_interval
from gliolabel.selection.candidates import candidate_of
from gliolabel.selection_study.design import ALL, FIRST, Design
from gliolabel.selection_study.records import Record
from gliolabel.selection_study.trials import CaseFacts

#: Fewer cases without a label than this do not tell whether doubt goes with error.
_LEAST_POOL: Final = 5


def summarise_study(records: Iterable[Record], design: Design, facts: Mapping[str, CaseFacts]) -> dict[str, Any]:
    """What a study found. Dice is that of a locked patient's whole stack; a mean is over all such tests.

    Args:
        records: of whole repetitions.
        design: the study.
        facts: all cases.

    Returns:
        * ``seeds``: the repetitions.
        * ``curves``: by strategy, for each budget ``cases``, ``dice``, ``interval``, ``by_seed``, ``tumour_slices`` (drawn on, mean).
        * ``areas``: by strategy ``dice`` (area under the budget curve divided by its width), ``interval``, ``by_seed``.
        * ``differences``: of each pair of strategies at each later budget (``at``) and of the areas (``at`` = ``area``): ``dice``
          (``strategy`` minus ``against``), ``interval``, ``by_seed``, ``better`` (seeds in which it is above 0).
        * ``all``: the training on every case that is not locked: ``cases``, ``dice``, ``interval``, ``by_seed``.
        * ``doubt``: Spearman's correlation of disagreement and 1 - Dice over the cases without a label, mean over the scored models.
        * ``seconds``: median of a training with its tests and scores.

    Raises:
        ValueError: a repetition lacks a training.
    """
    by_key = {(record.seed, record.strategy, record.budget): record for record in records}
    seeds = sorted({seed for seed, _, _ in by_key})
    first = design.budgets[0]
    tested = sorted({case_id for record in by_key.values() for case_id in record.outcome.dice})
    patients = sorted({facts[case_id].patient for case_id in tested})

    def found(seed: int, strategy: str, budget: int) -> Record:
        key = (seed, FIRST if budget == first else strategy, budget)
        if key not in by_key:
            raise ValueError(f"seed {seed}: the training of {key[1]} on {budget} cases is missing")
        return by_key[key]

    def matrix(strategy: str, budget: int) -> np.ndarray:
        return np.stack([_row(found(seed, strategy, budget).outcome.dice, facts, patients) for seed in seeds])

    values = {(strategy, budget): matrix(strategy, budget) for strategy in design.strategies for budget in design.budgets}
    areas = {strategy: _area(design.budgets, [values[strategy, budget] for budget in design.budgets]) for strategy in design.strategies}
    everything = [next(record for record in by_key.values() if (record.seed, record.strategy) == (seed, ALL)) for seed in seeds]
    pairs = list(combinations(design.strategies, 2))
    return {
        "seeds": seeds,
        "curves": {
            strategy: [
                {
                    "cases": budget,
                    **_described(values[strategy, budget]),
                    "tumour_slices": fmean(
                        sum(facts[case_id].tumour_slices for case_id in found(seed, strategy, budget).labelled) for seed in seeds
                    ),
                }
                for budget in design.budgets
            ]
            for strategy in design.strategies
        },
        "areas": {strategy: _described(area) for strategy, area in areas.items()},
        "differences": [
            {"strategy": one, "against": other, "at": at, **_difference(a - b)}
            for one, other in pairs
            for at, a, b in [
                *((budget, values[one, budget], values[other, budget]) for budget in design.budgets[1:]),
                ("area", areas[one], areas[other]),
            ]
        ],
        "all": {
            "cases": median(record.budget for record in everything),
            **_described(np.stack([_row(record.outcome.dice, facts, patients) for record in everything])),
        },
        "doubt": _doubt(by_key.values()),
        "seconds": median(record.seconds for record in by_key.values()),
    }


def sentences(found: Mapping[str, Any]) -> list[str]:
    """What the study says of the areas under the curves, one sentence for each pair of strategies."""
    lines = []
    for row in found["differences"]:
        if row["at"] != "area":
            continue
        text = f"{row['strategy']} minus {row['against']}: {with_interval(row, sign='+')}, above 0 "
        text += f"in {row['better']} of {len(row['by_seed'])} repetitions"
        interval = row["interval"]
        if interval is None:
            verdict = "too few repetitions for an interval"
        elif interval["low"] > 0:
            verdict = f"{row['strategy']} was better"
        elif interval["high"] < 0:
            verdict = f"{row['against']} was better"
        else:
            verdict = "no difference is shown"
        lines.append(f"{text}: {verdict}.")
    return lines


def with_interval(row: Mapping[str, Any], *, sign: str = "") -> str:
    """A mean and its interval in words.

    Args:
        row: ``dice`` and ``interval``.
        sign: ``+`` for a difference.

    Example:
        >>> with_interval({"dice": 0.5, "interval": {"low": 0.41, "high": 0.6}})
        '0.500 [0.410, 0.600]'
    """
    interval = row["interval"]
    return f"{row['dice']:{sign}.3f}" + ("" if interval is None else f" [{interval['low']:{sign}.3f}, {interval['high']:{sign}.3f}]")


def _row(dice: Mapping[str, float], facts: Mapping[str, CaseFacts], patients: Sequence[str]) -> np.ndarray:
    """Dice by patient, the mean of a patient's cases; NaN for those that were not tested."""
    by_patient: dict[str, list[float]] = {}
    for case_id, value in dice.items():
        by_patient.setdefault(facts[case_id].patient, []).append(value)
    return np.array([fmean(by_patient[patient]) if patient in by_patient else np.nan for patient in patients])


def _area(budgets: Sequence[int], values: Sequence[np.ndarray]) -> np.ndarray:
    """Area under the curve of each test, by the trapezoid rule, divided by the width: a mean Dice."""
    area: np.ndarray = np.trapz(np.stack(values), x=np.asarray(budgets, dtype=np.float64), axis=0)
    return area / (budgets[-1] - budgets[0])


def _described(values: np.ndarray) -> dict[str, Any]:
    interval = crossed_interval(values)
    return {
        "dice": float(np.nanmean(values)),
        "interval": None if interval is None else asdict(interval),
        "by_seed": [float(value) for value in np.nanmean(values, axis=1)],
    }


def _difference(values: np.ndarray) -> dict[str, Any]:
    described = _described(values)
    return {**described, "better": sum(value > 0 for value in described["by_seed"])}


def _doubt(records: Iterable[Record]) -> dict[str, Any]:
    found = []
    for record in records:
        pool = record.outcome.pool
        if len(pool) < _LEAST_POOL:
            continue
        doubt = [candidate_of(case_id, score.scores).disagreement for case_id, score in pool.items()]
        value = spearmanr(doubt, [1 - score.dice for score in pool.values()]).statistic
        if np.isfinite(value):
            found.append(float(value))
    return {"models": len(found), "spearman": fmean(found) if found else None}
