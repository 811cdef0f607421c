"""Calibration of region probabilities from counts: what a probability of 0.7 is really worth.

Predictions on cases that the model never saw are counted once, by logit, into a :class:`Reliability`; counts of folds add up, and
temperature and calibration error follow from the counts alone, so no prediction has to be kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

#: Logits are counted in bins of 0.1 between these bounds; beyond them nothing changes that matters.
LOGIT_LIMIT = 10.0
BINS = 200

#: Bins of the expected calibration error, of equal width in probability.
ERROR_BINS = 15


@dataclass(frozen=True)
class Reliability:
    """Counts of voxels of one region by predicted logit.

    Args:
        total: (BINS,) voxels whose logit falls into each bin.
        positive: (BINS,) those of them that truly belong to the region.
    """

    total: np.ndarray
    positive: np.ndarray

    @classmethod
    def count(cls, probability: np.ndarray, truth: np.ndarray) -> Reliability:
        """Count voxels.

        Args:
            probability: float (n,), predicted probability of the region.
            truth: boolean (n,).
        """
        p = np.clip(probability.astype(np.float64), 1e-6, 1 - 1e-6)
        logits = np.clip(np.log(p / (1 - p)), -LOGIT_LIMIT, LOGIT_LIMIT)
        edges = np.linspace(-LOGIT_LIMIT, LOGIT_LIMIT, BINS + 1)
        return cls(total=np.histogram(logits, edges)[0], positive=np.histogram(logits[truth], edges)[0])

    def __add__(self, other: Reliability) -> Reliability:
        return Reliability(total=self.total + other.total, positive=self.positive + other.positive)

    def as_json(self) -> dict[str, list[int]]:
        """The counts as lists."""
        return {"total": self.total.tolist(), "positive": self.positive.tolist()}

    @classmethod
    def from_json(cls, content: Mapping[str, Sequence[int]]) -> Reliability:
        """The inverse of :meth:`as_json`."""
        return cls(total=np.asarray(content["total"]), positive=np.asarray(content["positive"]))

    def temperature(self) -> float:
        """The number that logits must be divided by for the smallest cross-entropy (Guo et al. 2017), between 0.2 and 5."""
        logits = _centres()
        negative = self.total - self.positive

        def cross_entropy(log_temperature: float) -> float:
            z = logits / np.exp(log_temperature)
            return float((self.positive * np.logaddexp(0, -z) + negative * np.logaddexp(0, z)).sum())

        bound = np.log(5.0)
        return float(np.exp(minimize_scalar(cross_entropy, bounds=(-bound, bound), method="bounded").x))

    def calibration_error(self, temperature: float = 1.0) -> float:
        """Expected calibration error: mean gap between predicted and true share, weighted by voxels, over 15 equal bins."""
        return calibration_error([(self, temperature)])


def calibration_error(counted: Sequence[tuple[Reliability, float]]) -> float:
    """Expected calibration error of counts whose temperatures differ, pooled: each of them was fitted on other patients.

    Args:
        counted: counts, each with the temperature that its logits are divided by.
    """
    total, predicted, positive = in_bins(counted, bins=ERROR_BINS)
    return float(np.abs(predicted - positive).sum()) / max(1, int(total.sum()))


def in_bins(counted: Sequence[tuple[Reliability, float]], *, bins: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Voxels by calibrated probability.

    Args:
        counted: counts, each with the temperature that its logits are divided by.
        bins: number of bins, of equal width in probability.

    Returns:
        Three arrays (bins,): voxels, the sum of their probabilities, and those that truly belong to the region.
    """
    found = np.zeros((3, bins))
    for counts, temperature in counted:
        p = 1 / (1 + np.exp(-_centres() / temperature))
        into = np.minimum((p * bins).astype(int), bins - 1)
        found += [np.bincount(into, weights, minlength=bins) for weights in (counts.total, counts.total * p, counts.positive)]
    return found[0], found[1], found[2]


def _centres() -> np.ndarray:
    edges = np.linspace(-LOGIT_LIMIT, LOGIT_LIMIT, BINS + 1)
    return (edges[:-1] + edges[1:]) / 2
