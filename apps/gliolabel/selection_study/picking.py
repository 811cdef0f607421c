"""What a reader is offered between two trainings: one case after the other, by the product's own strategies."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, Protocol

from gliolabel.selection import Candidate, Choice, most_uncertain, random_case, stratified_random


class _Chooser(Protocol):
    def __call__(self, to_do: Sequence[Candidate], done: Sequence[Candidate], generator: random.Random) -> Choice | None: ...


#: As the server calls them.
_CHOOSERS: Final[Mapping[str, _Chooser]] = {
    "most_uncertain": lambda to_do, done, generator: most_uncertain(to_do),
    "random": lambda to_do, done, generator: random_case(to_do, generator=generator),
    "stratified_random": lambda to_do, done, generator: stratified_random(to_do, generator=generator, done=done),
}


def needs_scores(strategy: str) -> bool:
    """Whether a strategy looks at what the model says."""
    return strategy != "random"


def pick(
    strategy: str, *, to_do: Sequence[Candidate], done: Sequence[str], label_ml: Mapping[str, float], count: int, generator: random.Random
) -> list[Choice]:
    """Choose cases one after the other, without a training between them.

    Args:
        strategy: one of :data:`~gliolabel.selection_study.design.STRATEGIES`.
        to_do: the cases without a label, as the model sees them.
        done: the cases with one.
        label_ml: volume of the label of each case in mL. Only that of a case that is done is looked at.
        count: how many.
        generator: of all random choices.

    Raises:
        ValueError: there are fewer cases.
    """
    left = list(to_do)
    finished = [Candidate(case_id, volume_ml=label_ml[case_id]) for case_id in done]
    chosen: list[Choice] = []
    for _ in range(count):
        choice = _CHOOSERS[strategy](left, finished, generator)
        if choice is None:
            raise ValueError(f"{strategy}: {count} cases are to be chosen of {len(to_do)}")
        chosen.append(choice)
        finished += [replace(one, volume_ml=label_ml[one.case_id]) for one in left if one.case_id == choice.case_id]
        left = [one for one in left if one.case_id != choice.case_id]
    return chosen
