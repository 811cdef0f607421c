"""Two models on the same cases: paired differences, their interval, and Wilcoxon's signed-rank test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from scipy.stats import wilcoxon

from gliolabel.evaluation.measures import MEASURES
from gliolabel.evaluation.statistics import Interval, mean_interval


@dataclass(frozen=True)
class Comparison:
    """How a second model differs from a first in one measure.

    Args:
        n: cases in which both have a value.
        mean_difference: mean of second minus first; of the absolute values for a measure that is best at 0.
        interval: 95 % bootstrap interval of it over patients.
        p: two-sided p of Wilcoxon's signed-rank test, uncorrected; 1 when no case differs, None below two cases.
        better: cases in which the second model is better.
        worse: cases in which it is worse; the others are equal.
    """

    n: int
    mean_difference: float | None = None
    interval: Interval | None = None
    p: float | None = None
    better: int = 0
    worse: int = 0

    def as_json(self) -> dict[str, object]:
        """As plain JSON."""
        return asdict(self)


def compare_pairs(
    first: Mapping[str, float | None],
    second: Mapping[str, float | None],
    *,
    measure: str,
    patients: Mapping[str, str] | None = None,
    seed: int = 0,
) -> Comparison:
    """Compare two models in one measure.

    Args:
        first: the first model's value by case, None where it does not exist.
        second: the second model's.
        measure: name of the measure, of :data:`MEASURES`; it says whether more is better.
        patients: patient of each case; without it every case is a patient.
        seed: seed of the bootstrap.
    """
    return compare_values(first, second, better=MEASURES[measure].better, patients=patients, seed=seed)


def compare_values(
    first: Mapping[str, float | None],
    second: Mapping[str, float | None],
    *,
    better: str,
    patients: Mapping[str, str] | None = None,
    seed: int = 0,
) -> Comparison:
    """The same for any number, by case.

    Args:
        first: see :func:`compare_pairs`.
        second: see there.
        better: ``high``, ``low`` or ``zero``, as in :class:`~gliolabel.evaluation.measures.Measure`.
        patients: see there.
        seed: see there.
    """
    pairs = {case: (a, second[case]) for case, a in sorted(first.items()) if a is not None and second.get(case) is not None}
    if not pairs:
        return Comparison(n=0)
    values = np.array(list(pairs.values()), dtype=np.float64)
    if better == "zero":
        values = np.abs(values)
    difference = values[:, 1] - values[:, 0]
    gain = difference if better == "high" else -difference
    return Comparison(
        n=len(pairs),
        mean_difference=float(difference.mean()),
        interval=mean_interval(difference, [case if patients is None else patients[case] for case in pairs], seed=seed),
        p=_signed_rank(difference),
        better=int((gain > 0).sum()),
        worse=int((gain < 0).sum()),
    )


def _signed_rank(difference: np.ndarray) -> float | None:
    if len(difference) < 2:
        return None
    if not difference.any():
        return 1.0
    return float(wilcoxon(difference).pvalue)
