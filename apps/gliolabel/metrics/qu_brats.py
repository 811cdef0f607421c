"""The score of the QU-BraTS challenge: is a model sure where it is right, and unsure only where it is wrong?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import trapezoid

#: Added below the fractions of filtered voxels, as in the challenge's code.
_EPSILON = float(np.finfo(np.float32).eps)


@dataclass(frozen=True)
class QuBrats:
    """The curves of one case over the thresholds, and what they amount to. Arrays of regions come first.

    Args:
        thresholds: (points + 1,) uncertainties from 0 to the largest; voxels above a threshold are filtered out.
        dice: (regions, points + 1) Dice of the voxels that are left; 1 where neither mask has any left.
        true_positives: (regions, points + 1) share of the true positives in the brain that were filtered out.
        true_negatives: (regions, points + 1) share of the true negatives in the brain that were filtered out.
    """

    thresholds: np.ndarray
    dice: np.ndarray
    true_positives: np.ndarray
    true_negatives: np.ndarray

    @property
    def areas(self) -> np.ndarray:
        """(regions, 3) areas under the curves of Dice, true positives and true negatives, divided by the largest uncertainty."""
        curves = np.stack([self.dice, self.true_positives, self.true_negatives], axis=1)
        return trapezoid(curves, x=self.thresholds, axis=-1) / self.thresholds[-1]

    @property
    def score(self) -> np.ndarray:
        """(regions,) ``(area of Dice + (1 - area of true positives) + (1 - area of true negatives)) / 3``, from 0 to 1."""
        dice, positives, negatives = self.areas.T
        return (dice + (1 - positives) + (1 - negatives)) / 3


def qu_brats_score(
    prediction: ArrayLike,
    target: ArrayLike,
    uncertainty: ArrayLike,
    brain: ArrayLike | None = None,
    *,
    largest: float = 100.0,
    points: int = 40,
    threshold: float = 0.5,
) -> np.ndarray:
    """Score of each region, higher is better.

    A map of zeros filters nothing and scores ``(Dice + 2) / 3``: only the difference to that says something about the map.

    Args:
        prediction: (regions, *space), probabilities or masks.
        target: (regions, *space), the truth as 0 and 1.
        uncertainty: (regions, *space), or (*space) for all regions, from 0 to ``largest``.
        brain: (*space), where true positives and true negatives are counted (Dice is not restricted to it); without it everywhere.
        largest: the largest uncertainty there can be: 100 as in the challenge, 1 for this project's entropy maps.
        points: thresholds are 0 and the ends of so many equal steps up to ``largest``.
        threshold: a voxel is predicted above this probability.

    Returns:
        float64 (regions,), 0 to 1.

    Raises:
        ValueError: the shapes do not fit, or an uncertainty lies outside 0 to ``largest`` or is not a number.

    Source: Mehta et al., MELBA 2022:026 (arXiv 2112.10074), and its code ``BraTS_Seg_Uncertainty.py`` (RagMeh11/QU-BraTS).
    """
    return qu_brats_curves(prediction, target, uncertainty, brain, largest=largest, points=points, threshold=threshold).score


def qu_brats_curves(
    prediction: ArrayLike,
    target: ArrayLike,
    uncertainty: ArrayLike,
    brain: ArrayLike | None = None,
    *,
    largest: float = 100.0,
    points: int = 40,
    threshold: float = 0.5,
) -> QuBrats:
    """The curves behind :func:`qu_brats_score`, which has the arguments' meaning."""
    predicted, truth = np.asarray(prediction) > threshold, np.asarray(target) > 0.5
    if predicted.shape != truth.shape or predicted.ndim < 2:
        raise ValueError(f"prediction has shape {predicted.shape}, target {truth.shape}; expected the same (regions, *space)")
    space = predicted.shape[1:]
    maps = np.asarray(uncertainty, dtype=np.float64)
    within = np.ones(space, dtype=bool) if brain is None else np.asarray(brain) > 0.5
    if maps.shape not in {space, predicted.shape} or within.shape != space:
        raise ValueError(f"uncertainty has shape {maps.shape}, brain {within.shape}; expected {predicted.shape} or {space}, and {space}")
    # Rounding in float32 may put a map just above its largest value.
    if not (maps.size and maps.min() >= 0 and maps.max() <= largest * (1 + 1e-6)):
        raise ValueError(f"uncertainty runs from {maps.min()} to {maps.max()}; expected 0 to {largest} (largest) and no NaN")
    thresholds = np.linspace(0.0, largest, points + 1)
    # The first threshold that keeps a voxel; every later one keeps it too, so counting by it and adding up gives the whole curve.
    first = np.broadcast_to(np.searchsorted(thresholds, np.minimum(maps, largest), side="left"), predicted.shape)

    def kept(voxels: np.ndarray) -> np.ndarray:
        return np.stack([np.bincount(f[v], minlength=points + 1).cumsum() for f, v in zip(first, voxels, strict=True)])

    total = (kept(predicted) + kept(truth)).astype(np.float64)
    dice = np.divide(2.0 * kept(predicted & truth), total, out=np.ones_like(total), where=total > 0)
    positives, negatives = kept(predicted & truth & within), kept(~predicted & ~truth & within)
    return QuBrats(thresholds=thresholds, dice=dice, true_positives=_filtered(positives), true_negatives=_filtered(negatives))


def _filtered(kept: np.ndarray) -> np.ndarray:
    """Share that each threshold filters out of what the last one, which keeps everything, has; 0 where there is nothing."""
    everything = kept[:, -1:]
    return (everything - kept) / (everything + _EPSILON)
