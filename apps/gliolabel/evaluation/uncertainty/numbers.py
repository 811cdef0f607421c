"""What a map is worth on one case: the area under its risk-coverage curve, and its QU-BraTS score, by region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from gliolabel.metrics import qu_brats_curves, risk_coverage
from gliolabel.vocabulary import REGIONS

#: Shares of the brain that are set aside where a risk-coverage curve is kept: errors are rare, so all that happens, happens early.
SET_ASIDE: Final = tuple(round(0.002 * k, 3) for k in range(101))


@dataclass(frozen=True)
class Judged:
    """The voxels of one case that count, flattened.

    Args:
        predicted: boolean (3, n), the served masks of the regions.
        truth: boolean (3, n).
        brain: boolean (n,): the others only count for the Dice of the QU-BraTS score, which is not restricted to the brain.
    """

    predicted: np.ndarray
    truth: np.ndarray
    brain: np.ndarray

    @property
    def wrong(self) -> np.ndarray:
        """Boolean (3, brain voxels): where the mask of the region is wrong."""
        return (self.predicted != self.truth)[:, self.brain]


def judge_map(values: np.ndarray, judged: Judged) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, Any]]]:
    """Judge one map.

    Args:
        values: (3, n), 0 to 1.
        judged: the voxels.

    Returns:
        Two tables by region. Numbers: ``aurc``; ``qu_brats`` and the areas it is made of, ``dice_area``, ``filtered_tp_area`` and
        ``filtered_tn_area``. Curves: ``risk`` at the shares :data:`SET_ASIDE`; ``dice``, ``filtered_tp`` and ``filtered_tn`` at the
        thresholds of the QU-BraTS score.
    """
    scored = qu_brats_curves(judged.predicted, judged.truth, values, judged.brain, largest=1.0)
    coverages = [1 - share for share in SET_ASIDE]
    areas, numbers, curves = scored.areas, {}, {}
    for r, region in enumerate(REGIONS):
        risk = risk_coverage(judged.wrong[r], values[r, judged.brain], coverages=coverages)
        numbers[region] = {
            "aurc": risk.area,
            "qu_brats": float(scored.score[r]),
            "dice_area": float(areas[r, 0]),
            "filtered_tp_area": float(areas[r, 1]),
            "filtered_tn_area": float(areas[r, 2]),
        }
        curves[region] = {
            "risk": _rounded(risk.risk),
            "dice": _rounded(scored.dice[r]),
            "filtered_tp": _rounded(scored.true_positives[r]),
            "filtered_tn": _rounded(scored.true_negatives[r]),
        }
    return numbers, curves


def judge_maps(maps: Mapping[str, np.ndarray], judged: Judged) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both tables of several maps, by name; see :func:`judge_map`."""
    found = {name: judge_map(values, judged) for name, values in maps.items()}
    return {name: numbers for name, (numbers, _) in found.items()}, {name: curves for name, (_, curves) in found.items()}


def best_aurc(judged: Judged) -> dict[str, float]:
    """The AURC that no map can beat, by region: every error is more uncertain than every right voxel."""
    return {region: risk_coverage(wrong, wrong).area for region, wrong in zip(REGIONS, judged.wrong, strict=True)}


def _rounded(curve: np.ndarray) -> list[float]:
    return [float(f"{value:.6g}") for value in curve]
