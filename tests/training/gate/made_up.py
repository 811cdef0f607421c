"""Measures that nobody measured: cases whose Dice, volumes and calibration are set by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gliolabel.evaluation.outcomes import Outcome
from gliolabel.training.gate import CaseMeasures
from gliolabel.uncertainty.calibration import Reliability
from gliolabel.vocabulary import REGIONS

#: True volume in mL by region of an ordinary case.
TRUE_ML = {"WT": 100.0, "TC": 40.0, "ET": 20.0}


def reliability(gap: float, *, voxels: int = 100_000) -> dict[str, list[int]]:
    """Counts whose calibration error is about ``gap``: all voxels are given 0.1, and ``0.1 + gap`` of them are tumour."""
    inside = np.zeros(voxels, dtype=bool)
    inside[: round((0.1 + gap) * voxels)] = True
    return Reliability.count(np.full(voxels, 0.1), inside).as_json()


def case(
    case_id: str,
    *,
    dice: float | Mapping[str, float] = 0.85,
    hd95_mm: float | None = 5.0,
    true_ml: Mapping[str, float] = TRUE_ML,
    error_ml: float | Mapping[str, float] = 0.0,
    gap: float = 0.01,
    weights: str = "w",
    patient: str = "",
    refused: str = "",
    digests: Mapping[str, str] | None = None,
) -> CaseMeasures:
    """One case; a number means all regions alike."""

    def of(value: Any, region: str) -> Any:
        return value[region] if isinstance(value, Mapping) else value

    rows = {
        region: {
            "dice": of(dice, region),
            "hd95_mm": hd95_mm,
            "volume_ml": true_ml[region] + of(error_ml, region),
            "true_volume_ml": true_ml[region],
            "volume_error_ml": of(error_ml, region),
        }
        for region in REGIONS
    }
    counted = {region: reliability(gap) for region in REGIONS}
    outcome = Outcome(case=case_id, patient=patient or case_id, device="cpu", seconds=1.0, rows=rows, reliability=counted)
    return CaseMeasures(
        case_id, patient or case_id, weights, digests or {"t1": case_id, "label": case_id}, None if refused else outcome, refused=refused
    )


def cases(count: int, *, shift: float | Sequence[float] = 0.0, weights: str = "w", **same: Any) -> list[CaseMeasures]:
    """``count`` cases with a Dice between 0.80 and 0.95, shifted by a number, or by one a case; everything else is alike."""
    shifts = [shift] * count if isinstance(shift, int | float) else list(shift)
    levels = np.linspace(0.80, 0.95, count)
    return [
        case(f"case{i:03d}", dice=float(level + s), weights=weights, **same)
        for i, (level, s) in enumerate(zip(levels, shifts, strict=True))
    ]
