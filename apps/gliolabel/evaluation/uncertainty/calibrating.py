"""Calibration before and after a temperature that was fitted on other patients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gliolabel.evaluation.figures.calibration import curve
from gliolabel.evaluation.uncertainty.outcome import UncertaintyOutcome
from gliolabel.uncertainty.calibration import Reliability, calibration_error
from gliolabel.vocabulary import REGIONS


def calibrate(outcomes: Mapping[str, UncertaintyOutcome], *, counts: Sequence[int]) -> dict[str, Any]:
    """Expected calibration error over the voxels of the brain, all cases pooled.

    Args:
        outcomes: by case id; every prediction was made by a model that never saw the case.
        counts: numbers of passes.

    Returns:
        By region and by number of passes (``"0"``: the served probabilities; else the mean over passes): ``before``; ``after`` dividing
        the logits of each patient by the temperature fitted on all other patients (None with a single patient); ``temperature``, fitted
        on all, as it is stored with a model; and of ``"0"`` the points of the reliability curves.
    """
    found: dict[str, Any] = {}
    for region in REGIONS:
        found[region] = {}
        for count in ("0", *map(str, counts)):
            own = {case: Reliability.from_json(o.reliability[count][region]) for case, o in outcomes.items()}
            raw = [(counted, 1.0) for counted in own.values()]
            fitted = left_out(own, {case: o.patient for case, o in outcomes.items()})
            found[region][count] = {
                "before": calibration_error(raw),
                "after": calibration_error(fitted) if fitted else None,
                "temperature": _sum(list(own.values())).temperature(),
            }
            if count == "0":
                found[region][count]["curve_before"] = [points.tolist() for points in curve(raw)]
                found[region][count]["curve_after"] = [points.tolist() for points in curve(fitted)] if fitted else None
    return found


def left_out(own: Mapping[str, Reliability], patients: Mapping[str, str]) -> list[tuple[Reliability, float]]:
    """The counts of each case with the temperature fitted on all other patients; nothing with a single patient.

    Args:
        own: counts of each case.
        patients: patient of each case.
    """
    if len(set(patients.values())) < 2:
        return []
    temperatures = {
        patient: _sum([counted for case, counted in own.items() if patients[case] != patient]).temperature()
        for patient in set(patients.values())
    }
    return [(counted, temperatures[patients[case]]) for case, counted in own.items()]


def _sum(counts: list[Reliability]) -> Reliability:
    return sum(counts[1:], start=counts[0])
