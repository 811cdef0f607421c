"""MONAI Label's strategies: what is known of the unfinished cases, and the choice of :mod:`gliolabel.selection`."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from monailabel.interfaces.tasks.strategy import Strategy

from gliolabel.labelserver.datastore import CaseDatastore
from gliolabel.labelserver.workbench import Workbench
from gliolabel.selection import Candidate, Choice, most_uncertain, random_case, sequential
from gliolabel.selection.candidates import worst_region

Chooser = Callable[[Sequence[Candidate]], Choice | None]


class CaseStrategy(Strategy):
    """A strategy by which Next Sample chooses.

    Args:
        description: for the plugin.
        choose: the choice.
        workbench: knows which model's scores count; None when the strategy looks at none.
    """

    def __init__(self, description: str, choose: Chooser, *, workbench: Workbench | None = None) -> None:
        super().__init__(description)
        self._choose = choose
        self._workbench = workbench

    def __call__(self, request: Mapping[str, Any], datastore: CaseDatastore) -> dict[str, Any] | None:
        """The chosen case as ``{"id": ..., "reason": ...}``, or None when all are done."""
        datastore.refresh_now_and_then()
        choice = self._choose(self._candidates(datastore))
        return None if choice is None else {"id": choice.case_id, "reason": choice.reason}

    def _candidates(self, datastore: CaseDatastore) -> list[Candidate]:
        notes, scores = datastore.notes.all(), self._scores(datastore)
        candidates = []
        for case_id in datastore.get_unlabeled_images():
            offered = notes.get(case_id, {}).get("strategy", {})
            last = max((float(entry.get("ts", 0)) for entry in offered.values() if isinstance(entry, Mapping)), default=0.0)
            region, disagreement = scores.get(case_id, ("", None))
            candidates.append(Candidate(case_id, last_offered=last, disagreement=disagreement, region=region))
        return candidates

    def _scores(self, datastore: CaseDatastore) -> dict[str, tuple[str, float | None]]:
        """The worst region of each scored case, by the first model that has scores: those of two models cannot be compared."""
        for version in self._workbench.models().values() if self._workbench else ():
            rows = datastore.maps.scores(model=version.name, version=version.version)
            found = {case_id: worst for case_id, row in rows.items() if (worst := worst_region(row.scores)) is not None}
            if found:
                return dict(found)
        return {}


def strategies(workbench: Workbench) -> dict[str, CaseStrategy]:
    """The strategies that the plugin shows, the default first."""
    generator = random.Random()
    return {
        "most_uncertain": CaseStrategy("The case about which the model disagrees most with itself", most_uncertain, workbench=workbench),
        "random": CaseStrategy("Any case", lambda candidates: random_case(candidates, generator=generator)),
        "sequential": CaseStrategy("One after the other", sequential),
    }
