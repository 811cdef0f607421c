"""Which case comes when: a pure function of the cases and a seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gliolabel.errors import InputError


@dataclass(frozen=True)
class WeekPlan:
    """A case of each patient, each in one place.

    Args:
        first: what the first champion learns from.
        rounds: what is corrected in each round.
        locked: what no training sees.
    """

    first: tuple[str, ...]
    rounds: tuple[tuple[str, ...], ...]
    locked: tuple[str, ...]


def plan_week(patients: Mapping[str, str], *, first: int = 4, rounds: int = 3, each: int = 4, locked: int = 4, seed: int = 0) -> WeekPlan:
    """Deal out cases at random, one of each patient.

    Args:
        patients: patient by case id.
        first: cases of the first champion.
        rounds: rounds of corrections.
        each: cases of a round.
        locked: cases that are kept away.
        seed: of the order.

    Raises:
        InputError: there are too few patients.

    Example:
        >>> plan = plan_week({f"case-{n}": f"patient-{n}" for n in range(5)}, first=1, rounds=2, each=1, locked=2)
        >>> len(plan.first), len(plan.rounds), len(plan.locked)
        (1, 2, 2)
    """
    one_each = {patient: case_id for case_id, patient in sorted(patients.items(), reverse=True)}
    wanted = first + rounds * each + locked
    if len(one_each) < wanted:
        raise InputError(
            f"a week of {first} first, {rounds} times {each} corrected and {locked} locked cases needs {wanted} patients with a label; "
            f"there are {len(one_each)}. Give more cases, or ask for a smaller week."
        )
    names = sorted(one_each)
    order = [one_each[names[place]] for place in np.random.default_rng(seed).permutation(len(names))]
    # The locked ones come first: a longer week with the same seed is judged on the same cases.
    rest = order[locked:]
    return WeekPlan(
        first=tuple(rest[:first]),
        rounds=tuple(tuple(rest[first + each * turn : first + each * (turn + 1)]) for turn in range(rounds)),
        locked=tuple(order[:locked]),
    )
