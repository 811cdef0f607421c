"""A case that may be offered next, and a choice with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Candidate:
    """A case without an accepted label.

    Args:
        case_id: its id.
        last_offered: when it was last offered to anybody (seconds since 1970), 0 for never.
        disagreement: 1 - mean pairwise Dice of the passes, of the worst region, in [0, 1]; None: no map yet.
        region: the worst region.
    """

    case_id: str
    last_offered: float = 0.0
    disagreement: float | None = None
    region: str = ""


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
