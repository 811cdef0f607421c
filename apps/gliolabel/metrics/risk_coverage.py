"""Error against uncertainty: how wrong is what is left when the most uncertain part is put aside?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class RiskCoverage:
    """A risk-coverage curve.

    Args:
        coverage: (points,) shares of the items that are kept, the most certain first.
        risk: (points,) mean loss of the items kept.
        area: area under the curve (AURC) over every possible coverage, not only those in ``coverage``.
    """

    coverage: np.ndarray
    risk: np.ndarray
    area: float


def risk_coverage(loss: ArrayLike, uncertainty: ArrayLike, *, coverages: Sequence[float] | None = None) -> RiskCoverage:
    """The risk-coverage curve of items (voxels, cases) and the area under it; lower is better.

    Items are kept in the order of their uncertainty. Those of equal uncertainty count as in random order: the curve is the mean over all
    such orders, so that a map of zeros has the same risk at every coverage.

    Args:
        loss: (n,) loss of each item, e.g. 1 where a voxel is labelled wrong and else 0.
        uncertainty: (n,), of any scale: only the order counts.
        coverages: where the curve is returned, shares in (0, 1]; by default at every hundredth.

    Raises:
        ValueError: the shapes differ, there is no item, or an uncertainty is not a number.

    Source: Geifman and El-Yaniv 2017; as an evaluation of failure detection in segmentation: Zenk et al. 2025.

    Example:
        >>> risk_coverage([0, 0, 0, 1], [0.1, 0.2, 0.3, 0.9]).area
        0.0625
        >>> risk_coverage([0, 0, 0, 1], [0.0, 0.0, 0.0, 0.0]).area
        0.25
    """
    losses, doubts = np.asarray(loss, dtype=np.float64), np.asarray(uncertainty)
    if losses.ndim != 1 or losses.shape != doubts.shape or not len(losses):
        raise ValueError(f"loss has shape {losses.shape}, uncertainty {doubts.shape}; expected the same (n,) with at least one item")
    if np.isnan(doubts).any():
        raise ValueError("uncertainty holds values that are not numbers")
    order = np.argsort(doubts)
    losses, doubts = losses[order], doubts[order]
    starts = np.flatnonzero(np.concatenate([[True], doubts[1:] != doubts[:-1]]))
    sizes = np.diff(np.append(starts, len(losses)))
    expected = np.repeat(np.add.reduceat(losses, starts) / sizes, sizes)
    risk = expected.cumsum() / np.arange(1, len(losses) + 1)
    shares = np.linspace(0.01, 1, 100) if coverages is None else np.asarray(coverages, dtype=np.float64)
    kept = np.clip(np.rint(shares * len(losses)).astype(int), 1, len(losses))
    return RiskCoverage(coverage=shares, risk=risk[kept - 1], area=float(risk.mean()))
