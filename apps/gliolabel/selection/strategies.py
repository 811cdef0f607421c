"""The strategies that look at the model's doubt, or at nothing.

Each chooses from the cases that :func:`~gliolabel.selection.available` left, and counts ranks among all that are to do.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from statistics import median

from gliolabel.selection.candidates import Candidate, Choice


def sequential(candidates: Sequence[Candidate], *, to_do: Sequence[Candidate] | None = None) -> Choice | None:
    """The next case in the order given.

    Args:
        candidates: to choose from.
        to_do: all cases that are to do, by default the same.
    """
    if not candidates:
        return None
    return Choice(candidates[0].case_id, f"next in order, {len(to_do or candidates)} to do")


def random_case(candidates: Sequence[Candidate], *, generator: random.Random, to_do: Sequence[Candidate] | None = None) -> Choice | None:
    """Any case, all alike.

    Args:
        candidates: to choose from.
        generator: of the choice.
        to_do: all cases that are to do, by default the same.
    """
    if not candidates:
        return None
    return Choice(generator.choice(candidates).case_id, f"random, one of {len(to_do or candidates)} to do")


def most_uncertain(candidates: Sequence[Candidate], *, to_do: Sequence[Candidate] | None = None) -> Choice | None:
    """The case about which the model disagrees most with itself.

    A case that is not scored counts as the median of those that are and goes before others of that value, so it is never left to the
    end. Without any score the order given decides.

    Args:
        candidates: to choose from.
        to_do: all cases that are to do, among which ranks and the median are taken; by default the same.
    """
    if not candidates:
        return None
    everything = to_do or candidates
    known = [c.disagreement for c in everything if c.disagreement is not None]
    middle = median(known) if known else 0.0

    def rank(candidate: Candidate) -> tuple[float, bool]:
        return (middle, True) if candidate.disagreement is None else (candidate.disagreement, False)

    best = max(candidates, key=rank)  # the first of equals
    if best.disagreement is None:
        return Choice(
            best.case_id, f"not scored yet, taken as the median of {len(known)} scored" if known else "no case is scored yet, next in order"
        )
    place = 1 + sum(value > best.disagreement for value in known)
    scored = f"rank {place} of {len(known)}" + ("" if len(known) == len(everything) else f" scored, {len(everything)} to do")
    return Choice(best.case_id, f"{best.region} disagreement {best.disagreement:.2f}, {scored}")
