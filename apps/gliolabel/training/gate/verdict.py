"""What the gate decides, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from gliolabel.training.gate.cases import CaseMeasures
from gliolabel.training.gate.criteria import GateCriteria

Decision = Literal["promote", "refuse", "unproven"]


@dataclass(frozen=True)
class Check:
    """One condition.

    Args:
        name: what is looked at, e.g. ``Dice ET``.
        passed: whether it holds.
        value: the number that decides.
        limit: what it must not pass; which side is the good one is said in ``words``.
        words: a sentence with the numbers.
        of: ``evidence``: are there cases enough to say anything; ``quality``: is the challenger good enough.
    """

    name: str
    passed: bool
    value: float
    limit: float
    words: str
    of: Literal["evidence", "quality"] = "quality"


@dataclass(frozen=True)
class Verdict:
    """A decision with everything that led to it.

    Args:
        decision: ``promote``; ``refuse``: the challenger fails a check; ``unproven``: there is too little to decide on, and only a person
            can.
        checks: all conditions, those of evidence first.
        sentence: the decision in one line.
        refused: locked cases that did not count, and why.
        champion: the measures of the served version, in the order of ``challenger``; only cases that counted.
        challenger: those of the new one.
        criteria: what was asked for.
        seed: seed of the bootstrap.
    """

    decision: Decision
    checks: tuple[Check, ...]
    sentence: str
    refused: Mapping[str, str]
    champion: tuple[CaseMeasures, ...]
    challenger: tuple[CaseMeasures, ...]
    criteria: GateCriteria
    seed: int

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that do not hold."""
        return tuple(check for check in self.checks if not check.passed)

    def as_json(self) -> dict[str, Any]:
        """As plain JSON, with the criteria and every case's numbers."""
        return {
            "decision": self.decision,
            "sentence": self.sentence,
            "checks": [asdict(check) for check in self.checks],
            "refused_cases": dict(self.refused),
            "criteria": self.criteria.model_dump(mode="json"),
            "seed": self.seed,
            "champion": [measures.as_json() for measures in self.champion],
            "challenger": [measures.as_json() for measures in self.challenger],
        }
