"""MONAI Label's strategies: what is known of the cases, who has which, and the choice of :mod:`gliolabel.selection`."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from monailabel.interfaces.tasks.strategy import Strategy

from gliolabel.labelserver.datastore import CaseDatastore
from gliolabel.labelserver.survey import Field
from gliolabel.labelserver.workbench import Workbench
from gliolabel.selection import (
    Candidate,
    Choice,
    Completed,
    available,
    most_uncertain,
    random_case,
    review,
    sequential,
    stratified_random,
)
from gliolabel.state.leases import Standing

#: Key of a request under which the route says who asks.
HOLDER: Final = "holder"

#: Chooses by what is known of the cases and who has which.
Chooser = Callable[[Field, Standing], Choice | None]
_Kind = TypeVar("_Kind", Candidate, Completed)
REVIEW: Final = "review"


class CaseStrategy(Strategy):
    """A strategy by which Next Sample chooses.

    Args:
        name: of the strategy.
        description: for the plugin.
        choose: the choice.
        workbench: knows which model's scores count.
    """

    def __init__(self, name: str, description: str, choose: Chooser, *, workbench: Workbench) -> None:
        super().__init__(description)
        self.name = name
        self._choose = choose
        self._workbench = workbench

    def __call__(self, request: Mapping[str, Any], datastore: CaseDatastore) -> dict[str, Any] | None:
        """Give back what the reader has and lease what is chosen: ``{"id": ..., "reason": ...}``, or None when there is nothing."""
        datastore.refresh_now_and_then()
        reasons: list[str] = []

        def choose(standing: Standing) -> str | None:
            choice = self._choose(self._field(datastore), standing)
            if choice is None:
                return None
            reasons.append(choice.reason)
            return choice.case_id

        holder = str(request.get(HOLDER) or request.get("client_id") or "")
        lease = datastore.leases.take(holder, choose, strategy=self.name)
        return None if lease is None else {"id": lease.case_id, "reason": reasons[-1]}

    def _field(self, datastore: CaseDatastore) -> Field:
        """The cases by the scores of the first model that has any: those of two models cannot be compared."""
        versions = list(self._workbench.models().values())
        scored = [version for version in versions if datastore.survey.has_scores(model=version.name, version=version.version)]
        for version in [*scored, *versions][:1]:
            return datastore.survey.field(model=version.name, version=version.version)
        return datastore.survey.field(model="", version="")


def strategies(workbench: Workbench) -> dict[str, CaseStrategy]:
    """The strategies that the plugin shows, the default first.

    Args:
        workbench: knows which model's scores count.
    """
    generator = random.Random()
    found: list[tuple[str, str, Chooser]] = [
        (
            "most_uncertain",
            "The case about which the model disagrees most with itself",
            _to_do(lambda cases, field: most_uncertain(cases, to_do=field.to_do)),
        ),
        (
            "stratified_random",
            "A random case of the kind of tumour (size, enhancement) of which fewest are done",
            _to_do(lambda cases, field: stratified_random(cases, generator=generator, to_do=field.to_do, done=field.done)),
        ),
        ("random", "Any case", _to_do(lambda cases, field: random_case(cases, generator=generator, to_do=field.to_do))),
        ("sequential", "One after the other", _to_do(lambda cases, field: sequential(cases, to_do=field.to_do))),
        (REVIEW, "A completed case to look at again: the one where label and model agree least", _completed),
    ]
    return {name: CaseStrategy(name, description, choose, workbench=workbench) for name, description, choose in found}


def _to_do(choose: Callable[[Sequence[Candidate], Field], Choice | None]) -> Chooser:
    def chooser(field: Field, standing: Standing) -> Choice | None:
        cases, note = _available(field.to_do, standing, again=False)
        return _with(choose(cases, field), note)

    return chooser


def _completed(field: Field, standing: Standing) -> Choice | None:
    cases, note = _available(field.completed, standing, again=True)
    return _with(review(cases, completed=field.completed), note)


def _available(cases: Sequence[_Kind], standing: Standing, *, again: bool) -> tuple[list[_Kind], str]:
    # Who labelled a case was offered it then: that is no reason not to show it for review.
    passed = {case_id: lease.offered for case_id, lease in standing.passed.items() if (lease.strategy == REVIEW) is again}
    return available(cases, held={case_id: lease.offered for case_id, lease in standing.held.items()}, passed=passed)


def _with(choice: Choice | None, note: str) -> Choice | None:
    return None if choice is None else Choice(choice.case_id, choice.reason + note)
