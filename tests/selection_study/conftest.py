"""A study without networks: made-up cases, and a stand-in for the training whose answers follow from the cases alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gliolabel.selection_study.trials import CaseFacts, Outcome, PoolScore


@dataclass
class MadeUpTrials:
    """Dice grows with the number of labelled cases; doubt about a case is fixed by its number. Notes what it was asked."""

    facts: dict[str, CaseFacts]
    asked: list[dict] = field(default_factory=list)
    stop_after: int | None = None

    def run(self, labelled: Sequence[str], *, test: Sequence[str], score: Sequence[str], seed: int, passes: int, folder: Path) -> Outcome:
        if self.stop_after is not None and len(self.asked) >= self.stop_after:
            raise KeyboardInterrupt
        folder.mkdir(parents=True)
        self.asked.append({"labelled": tuple(labelled), "test": tuple(test), "score": tuple(score), "seed": seed})
        return Outcome(
            dice={case_id: len(labelled) / 100 + number(case_id) / 1000 for case_id in test},
            pool={case_id: PoolScore(scores={"tumour": scores(case_id)}, dice=1 - doubt(case_id)) for case_id in score},
            samples=10 * len(labelled),
            loss=0.5,
        )


def number(case_id: str) -> int:
    return int(case_id.rsplit("-", 1)[1])


def doubt(case_id: str) -> float:
    return (number(case_id) * 7 % 24) / 24


def scores(case_id: str) -> dict[str, float]:
    volume = float(number(case_id))
    return {"pairwise_dice": 1 - doubt(case_id), "volume_cv": 0.1, "volume_ml_p05": volume, "volume_ml_p95": volume + 2}


@pytest.fixture
def made_up() -> MadeUpTrials:
    """24 patients of one case each."""
    return MadeUpTrials({f"case-{n}": CaseFacts(f"patient-{n}", slices=20, tumour_slices=n, volume_ml=float(n)) for n in range(24)})
