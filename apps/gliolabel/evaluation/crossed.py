"""Bootstrap intervals when the same patients are tested in several repetitions: both are drawn anew.

Two tests of one patient are not independent, nor are two patients tested with one training. So repetitions and patients are each drawn
with replacement, and a test counts as often as its repetition times its patient was drawn (the pigeonhole bootstrap: Owen, Annals of
Applied Statistics 2007). It errs on the wide side. The interval is the percentile interval.
"""

from __future__ import annotations

import numpy as np

from gliolabel.evaluation.statistics import COVERAGE, RESAMPLES, Interval


def crossed_interval(values: np.ndarray, *, seed: int = 0, count: int = RESAMPLES) -> Interval | None:
    """95 % bootstrap interval of the mean over all tests.

    Args:
        values: (repetitions, patients), NaN where a repetition did not test a patient.
        seed: the same seed draws alike.
        count: number of samples.

    Returns:
        The interval, None below two repetitions or two tested patients.

    Example:
        >>> crossed_interval(np.full((5, 6), 0.5))
        Interval(low=0.5, high=0.5)
    """
    there = ~np.isnan(values)
    values, there = values[there.any(axis=1)][:, there.any(axis=0)], there[there.any(axis=1)][:, there.any(axis=0)]
    rows, columns = values.shape
    if rows < 2 or columns < 2:
        return None
    generator = np.random.default_rng(seed)
    repetitions = _drawn(generator, rows, count)
    patients = _drawn(generator, columns, count)
    sums = np.einsum("br,rc,bc->b", repetitions, np.where(there, values, 0.0), patients, optimize=True)
    weights = np.einsum("br,rc,bc->b", repetitions, there.astype(np.float64), patients, optimize=True)
    # A draw of repetitions that tested none of the drawn patients says nothing.
    means = sums[weights > 0] / weights[weights > 0]
    tail = 100 * (1 - COVERAGE) / 2
    low, high = np.percentile(means, [tail, 100 - tail])
    return Interval(float(low), float(high))


def _drawn(generator: np.random.Generator, size: int, count: int) -> np.ndarray:
    """How often each of ``size`` was drawn, in ``count`` samples: float64 (count, size)."""
    return generator.multinomial(size, np.full(size, 1 / size), size=count).astype(np.float64)
