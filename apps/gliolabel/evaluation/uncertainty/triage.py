"""Triage: are the cases that the model doubts most the ones that it gets wrong?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from scipy.stats import spearmanr

from gliolabel.evaluation.uncertainty.measuring import RANKINGS
from gliolabel.evaluation.uncertainty.outcome import UncertaintyOutcome
from gliolabel.metrics import risk_coverage
from gliolabel.vocabulary import REGIONS

#: Fewest cases of which a third can be set apart.
FEWEST: Final = 3


def triage(outcomes: Mapping[str, UncertaintyOutcome]) -> dict[str, Any]:
    """The most uncertain third of the cases against the rest.

    Args:
        outcomes: by case id.

    Returns:
        By ranking ``meaning`` and ``by_passes``. Of each number of passes: ``uncertain`` (case ids, the most uncertain first), Dice
        ``of_uncertain`` and ``of_rest`` by region with ``mean`` of them, ``aurc`` of 1 - mean Dice over cases with ``aurc_best`` and
        ``aurc_random``, and ``spearman`` (rank correlation of doubt and mean Dice; -1 is best, None where all are alike). Nothing below
        three cases, or where the ranking says the same of all.
    """
    return {
        ranking: {
            "meaning": meaning,
            "by_passes": {
                count: split_cases(outcomes, {case: o.doubt[ranking][count] for case, o in outcomes.items()})
                for count in next(iter(outcomes.values())).doubt[ranking]
            },
        }
        for ranking, meaning in RANKINGS.items()
    }


def split_cases(outcomes: Mapping[str, UncertaintyOutcome], doubt: Mapping[str, float]) -> dict[str, Any] | None:
    """One ranking; see :func:`triage`.

    Args:
        outcomes: by case id.
        doubt: of each case, higher is more uncertain.
    """
    if len(outcomes) < FEWEST or len(set(doubt.values())) < 2:
        return None
    ranked = sorted(outcomes, key=lambda case: (-doubt[case], case))
    third = round(len(ranked) / 3)
    loss = np.array([1 - outcomes[case].mean_dice for case in ranked])
    doubts = np.array([doubt[case] for case in ranked])
    return {
        "uncertain": ranked[:third],
        "of_uncertain": _dice([outcomes[case] for case in ranked[:third]]),
        "of_rest": _dice([outcomes[case] for case in ranked[third:]]),
        "aurc": risk_coverage(loss, doubts).area,
        "aurc_best": risk_coverage(loss, loss).area,
        "aurc_random": float(loss.mean()),
        "spearman": float(spearmanr(doubts, -loss).statistic) if len(set(loss)) > 1 else None,
    }


def _dice(outcomes: list[UncertaintyOutcome]) -> dict[str, float]:
    by_region = {region: float(np.mean([o.dice[region] for o in outcomes])) for region in REGIONS}
    return {**by_region, "mean": float(np.mean([o.mean_dice for o in outcomes]))}
