"""Means, medians and bootstrap intervals over patients.

A bootstrap draws as many patients as there are, with replacement, and takes all examinations of a drawn patient along: two scans of one
head are not two independent tests. The interval is the percentile interval (Efron and Tibshirani 1993, chapter 13).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final

import numpy as np

#: Resamples of every bootstrap, and the share that an interval covers.
RESAMPLES: Final[int] = 10_000
COVERAGE: Final[float] = 0.95

#: Weights of this many numbers are held at once (64 MiB).
_AT_ONCE: Final[int] = 1 << 23


@dataclass(frozen=True)
class Interval:
    """Bounds of an interval, of 95 % where nothing else is said."""

    low: float
    high: float


@dataclass(frozen=True)
class Summary:
    """One measure over cases.

    Args:
        n: cases with a value.
        missing: cases in which the measure does not exist.
        mean: arithmetic mean, None without a value.
        median: median.
        sd: sample standard deviation (n - 1), None below two cases.
        mean_interval: 95 % bootstrap interval of the mean, None below two patients.
        median_interval: the same of the median.
    """

    n: int
    missing: int
    mean: float | None = None
    median: float | None = None
    sd: float | None = None
    mean_interval: Interval | None = None
    median_interval: Interval | None = None

    def as_json(self) -> dict[str, object]:
        """As plain JSON."""
        return asdict(self)


def summarise(values: Mapping[str, float | None], *, patients: Mapping[str, str] | None = None, seed: int = 0) -> Summary:
    """Summarise one measure.

    Args:
        values: value of each case, None where it does not exist.
        patients: patient of each case; without it every case is a patient.
        seed: seed of the bootstrap.
    """
    kept = {case: value for case, value in sorted(values.items()) if value is not None}
    missing = len(values) - len(kept)
    if not kept:
        return Summary(n=0, missing=missing)
    numbers = np.array(list(kept.values()))
    groups = [case if patients is None else patients[case] for case in kept]
    alone = Summary(
        n=len(numbers),
        missing=missing,
        mean=float(numbers.mean()),
        median=float(np.median(numbers)),
        sd=float(numbers.std(ddof=1)) if len(numbers) > 1 else None,
    )
    if len(set(groups)) < 2:
        return alone
    means, medians = resample(numbers, groups, seed=seed)
    return replace(alone, mean_interval=_interval(means), median_interval=_interval(medians))


def mean_interval(
    values: np.ndarray, groups: Sequence[str], *, seed: int = 0, coverage: float = COVERAGE, count: int = RESAMPLES
) -> Interval | None:
    """Bootstrap interval of a mean over patients, None below two patients.

    Args:
        values: (n,) values of the cases.
        groups: patient of each case.
        seed: seed of the bootstrap.
        coverage: share that the interval covers.
        count: number of resamples.
    """
    return None if len(set(groups)) < 2 else _interval(resample(values, groups, seed=seed, count=count)[0], coverage)


def resample(values: np.ndarray, groups: Sequence[str], *, seed: int = 0, count: int = RESAMPLES) -> tuple[np.ndarray, np.ndarray]:
    """Means and medians of bootstrap samples.

    Args:
        values: (n,) values of the cases.
        groups: patient of each case.
        seed: seed; the same for all models, so that they are resampled alike.
        count: number of samples.

    Returns:
        float64 (count,) means and medians.
    """
    names, member = np.unique(np.asarray(groups), return_inverse=True)
    patients = len(names)
    generator = np.random.default_rng(seed)
    order = np.argsort(values, kind="stable")
    ordered, member = values[order], member[order]
    means, medians = [], []
    step = max(1, _AT_ONCE // max(patients, len(values)))
    for start in range(0, count, step):
        rows = min(step, count - start)
        drawn = generator.integers(0, patients, size=(rows, patients))
        # How often each patient was drawn: one count over (sample, patient) pairs.
        flat = (drawn + np.arange(rows)[:, None] * patients).ravel()
        weights = np.bincount(flat, minlength=rows * patients).reshape(rows, patients)[:, member]
        totals = weights.sum(axis=1)
        means.append(weights @ ordered / totals)
        reached = weights.cumsum(axis=1)
        # The middle one or two of the repeated values: the first place where more than so many values are passed.
        lower = (reached > ((totals - 1) // 2)[:, None]).argmax(axis=1)
        upper = (reached > (totals // 2)[:, None]).argmax(axis=1)
        medians.append((ordered[lower] + ordered[upper]) / 2)
    return np.concatenate(means), np.concatenate(medians)


def _interval(samples: np.ndarray, coverage: float = COVERAGE) -> Interval:
    tail = 100 * (1 - coverage) / 2
    low, high = np.percentile(samples, [tail, 100 - tail])
    return Interval(float(low), float(high))
