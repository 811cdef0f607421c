"""What a simulated annotation study compares, and whom it may learn from: fixed before anything is trained."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from gliolabel.errors import InputError
from gliolabel.selection import Candidate, random_case
from gliolabel.training.folds import make_folds

#: What is compared: the product's default, and the two that it has to beat.
STRATEGIES: Final = ("most_uncertain", "random", "stratified_random")
#: The training on the first cases, which all strategies of a seed share, and the one on every case that is not locked.
FIRST: Final = "first"
ALL: Final = "all"

#: One patient in so many is locked.
_LOCKED_OF: Final = 4


@dataclass(frozen=True)
class Design:
    """A study.

    Args:
        budgets: how many cases are annotated, ascending; the first so many are random and shared by the strategies of a seed.
        passes: Monte-Carlo passes of the scores, as many as the server's.
        strategies: which are compared.

    Raises:
        InputError: there are fewer than two budgets, or they do not ascend from 1.
    """

    budgets: tuple[int, ...] = (4, 8, 12)
    passes: int = 20
    strategies: tuple[str, ...] = STRATEGIES

    def __post_init__(self) -> None:
        if len(self.budgets) < 2 or self.budgets[0] < 1 or any(after <= before for before, after in pairwise(self.budgets)):
            raise InputError(
                f"--budgets {','.join(map(str, self.budgets))}: expected two or more ascending numbers of cases, such as 4,8,12"
            )

    def as_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return {"budgets": list(self.budgets), "passes": self.passes, "strategies": list(self.strategies)}


@dataclass(frozen=True)
class Draw:
    """Who is who in one repetition.

    Args:
        seed: which repetition.
        locked: cases that are tested on alone.
        pool: cases that may be annotated, sorted.
        first: those of them that are annotated first, in order.
    """

    seed: int
    locked: tuple[str, ...]
    pool: tuple[str, ...]
    first: tuple[str, ...]


def lockable(patients: Mapping[str, str]) -> list[str]:
    """The half of the patients among which every repetition draws its locked ones, sorted.

    The halves follow from the hash of each patient's first case id. The other half is never tested on: recipes may be tried out on it.

    Args:
        patients: patient of each case.

    Example:
        >>> patients = {f"case-{number}": f"patient-{number}" for number in range(10)}
        >>> half = lockable(patients)
        >>> len(half), half == lockable(dict(reversed(patients.items())))
        (5, True)
    """
    first = {patients[case_id]: case_id for case_id in sorted(patients, reverse=True)}
    return sorted(patients[case_id] for case_id in make_folds(first.values(), count=2)[0])


def locked_count(patients: int) -> int:
    """How many patients a repetition locks: a quarter of all."""
    return patients // _LOCKED_OF


def draw(patients: Mapping[str, str], design: Design, *, seed: int) -> Draw:
    """Draw the locked patients of a repetition and its first cases.

    Args:
        patients: patient of each case.
        design: the study.
        seed: the same seed gives the same draw, whatever the order of ``patients``.

    Raises:
        InputError: there are too few patients for the budgets.
    """
    people = sorted(set(patients.values()))
    count = locked_count(len(people))
    generator = random.Random(f"{seed} locked")
    locked = set(generator.sample(lockable(patients), count)) if count else set()
    pool = tuple(sorted(case_id for case_id, patient in patients.items() if patient not in locked))
    if not locked or len(pool) < design.budgets[-1]:
        raise InputError(
            f"--budgets {','.join(map(str, design.budgets))}: there are {len(patients)} cases of {len(people)} patients; with "
            f"{len(locked)} of them locked {len(pool)} cases are left. Expected at least 4 patients, and no budget above what is left"
        )
    first = choose_first(pool, design.budgets[0], generator=random.Random(f"{seed} {FIRST}"))
    return Draw(seed, tuple(sorted(case_id for case_id, patient in patients.items() if patient in locked)), pool, first)


def choose_first(pool: Sequence[str], count: int, *, generator: random.Random) -> tuple[str, ...]:
    """The first cases: as the product's ``random`` offers them."""
    left, chosen = [Candidate(case_id) for case_id in pool], []
    for _ in range(count):
        choice = random_case(left, generator=generator)
        assert choice is not None
        chosen.append(choice.case_id)
        left = [candidate for candidate in left if candidate.case_id != choice.case_id]
    return tuple(chosen)
