"""A case that may be offered next, and a choice with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Candidate:
    """A case without an accepted label.

    Args:
        case_id: its id.
        disagreement: 1 - mean pairwise Dice of the passes, of the worst region, in [0, 1]; None: not scored yet.
        region: the worst region.
        volume_ml: predicted volume of the whole tumour in mL; None: not known.
        enhancing_share: predicted share of enhancing tumour in it, 0 to 1; None: not known.
    """

    case_id: str
    disagreement: float | None = None
    region: str = ""
    volume_ml: float | None = None
    enhancing_share: float | None = None


@dataclass(frozen=True, slots=True)
class Completed:
    """A case with an accepted label, which may be looked at again.

    Args:
        case_id: its id.
        submitted: when its label was submitted, seconds since 1970.
        dice: Dice of the label and the model's mask, of the region where it is lowest; None: not compared yet.
        region: that region.
        reviewed: the label was looked at again already.
    """

    case_id: str
    submitted: float = 0.0
    dice: float | None = None
    region: str = ""
    reviewed: bool = False


@dataclass(frozen=True)
class Choice:
    """The case to offer.

    Args:
        case_id: its id.
        reason: why, for a person.
    """

    case_id: str
    reason: str


def worst_region(scores: Mapping[str, Any]) -> tuple[str, float] | None:
    """The region whose passes agree least, and 1 - their mean pairwise Dice; None when no region has the score.

    Args:
        scores: by region, each with ``pairwise_dice``.
    """
    found = [
        (1.0 - float(score["pairwise_dice"]), region)
        for region, score in scores.items()
        if isinstance(score, Mapping) and isinstance(score.get("pairwise_dice"), int | float)
    ]
    if not found:
        return None
    value, region = max(found)
    return region, min(1.0, max(0.0, value))


def predicted_volumes(scores: Mapping[str, Any]) -> dict[str, float]:
    """The middle of the 90 % interval of each region's volume in mL.

    Args:
        scores: by region, each with ``volume_ml_p05`` and ``volume_ml_p95``.
    """
    found = {}
    for region, score in scores.items():
        if isinstance(score, Mapping):
            low, high = score.get("volume_ml_p05"), score.get("volume_ml_p95")
            if isinstance(low, int | float) and isinstance(high, int | float):
                found[region] = (low + high) / 2
    return found


def tumour_mix(volumes_ml: Mapping[str, float]) -> tuple[float | None, float | None]:
    """Volume of the whole tumour in mL and the share of enhancing tumour in it, None where there is none or it is not known.

    Args:
        volumes_ml: by region. The whole tumour is ``WT``, or the only region there is.
    """
    if not volumes_ml:
        return None, None
    whole = float(volumes_ml.get("WT", max(volumes_ml.values())))
    if "ET" not in volumes_ml or whole <= 0:
        return whole, None
    return whole, min(1.0, float(volumes_ml["ET"]) / whole)


def candidate_of(case_id: str, scores: Mapping[str, Any]) -> Candidate:
    """A case as its scores describe it.

    Args:
        case_id: its id.
        scores: by region, as a run of Monte-Carlo passes found them.

    Example:
        >>> candidate_of("a", {"tumor": {"pairwise_dice": 0.75, "volume_ml_p05": 10.0, "volume_ml_p95": 30.0}})
        Candidate(case_id='a', disagreement=0.25, region='tumor', volume_ml=20.0, enhancing_share=None)
    """
    region, disagreement = worst_region(scores) or ("", None)
    volume, share = tumour_mix(predicted_volumes(scores))
    return Candidate(case_id, disagreement=disagreement, region=region, volume_ml=volume, enhancing_share=share)
