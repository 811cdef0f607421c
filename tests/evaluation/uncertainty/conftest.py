"""Made-up outcomes: only what a test is about differs between cases."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from gliolabel.evaluation.uncertainty.maps import MAPS
from gliolabel.evaluation.uncertainty.measuring import PLACE_RANKINGS
from gliolabel.evaluation.uncertainty.numbers import SET_ASIDE
from gliolabel.evaluation.uncertainty.outcome import UncertaintyOutcome
from gliolabel.uncertainty.calibration import Reliability
from gliolabel.vocabulary import REGIONS

COUNTS = (1, 5)


@pytest.fixture
def outcome() -> Callable[..., UncertaintyOutcome]:
    """``outcome("A", dice=0.8, doubt=0.2, aurc=0.001, share=0.1, too_sure=1.0)``; 1 pass doubts nothing."""

    def make(
        case: str, *, dice: float = 0.8, doubt: float = 0.2, aurc: float = 1e-3, share: float | None = 0.1, too_sure: float = 1.0
    ) -> UncertaintyOutcome:
        def numbers(value: float) -> dict[str, dict[str, float]]:
            row = {"aurc": value, "qu_brats": 1 - value, "dice_area": dice, "filtered_tp_area": 0.1, "filtered_tn_area": 0.0}
            return dict.fromkeys(REGIONS, row)

        counts = [str(count) for count in COUNTS]
        maps = {
            name: {c: numbers(aurc * (5 if c == "1" else 1)) for c in counts}
            if kind.passes
            else {"0": numbers(2e-3 if name != "none" else 8e-3)}
            for name, kind in MAPS.items()
        }
        curve = {"risk": [0.01] * len(SET_ASIDE), "dice": [dice] * 41, "filtered_tp": [0.0] * 41, "filtered_tn": [0.0] * 41}
        logits = np.random.default_rng(0).normal(0, 3, 20_000)
        truth = np.random.default_rng(1).random(20_000) < 1 / (1 + np.exp(-logits / too_sure))
        counted = Reliability.count(1 / (1 + np.exp(-logits)), truth).as_json()
        return UncertaintyOutcome(
            case=case,
            patient=case,
            device="cpu (made up)",
            seed=0,
            seconds=dict.fromkeys(counts, 1.0),
            dice=dict.fromkeys(REGIONS, dice),
            wrong_ml={**dict.fromkeys(REGIONS, 3.0), "label": 5.0},
            best_aurc=dict.fromkeys(REGIONS, 1e-4),
            maps=maps,
            curves={name: dict.fromkeys(REGIONS, curve) for name in MAPS},
            change={"1": 0.01, "5": 0.0},
            scores={c: {r: {"pairwise_dice": 1 - doubt, "volume_cv": 0.1, "band_mean": None} for r in REGIONS} for c in counts},
            doubt={"disagreement": {"1": 0.0, "5": doubt}, "max_probability": {"0": doubt / 2}},
            reliability={c: dict.fromkeys(REGIONS, counted) for c in ("0", *counts)},
            places={name: {"5" if name != "border" else "0": share if name != "border" else 0.05} for name in PLACE_RANKINGS},
        )

    return make
