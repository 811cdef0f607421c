"""The strategies. Each offers a case that was never offered before one that was, and of those the longest ago first.

So a reader who asks again without submitting gets another case, and two readers get different ones.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from statistics import median

from gliolabel.selection.candidates import Candidate, Choice


def sequential(candidates: Sequence[Candidate]) -> Choice | None:
    """The next case in the order given."""
    waiting = _least_offered(candidates)
    if not waiting:
        return None
    return Choice(waiting[0].case_id, f"next in order, {len(candidates)} to do")


def random_case(candidates: Sequence[Candidate], *, generator: random.Random) -> Choice | None:
    """Any case, all alike."""
    waiting = _least_offered(candidates)
    if not waiting:
        return None
    return Choice(generator.choice(waiting).case_id, f"random, one of {len(candidates)} to do")


def most_uncertain(candidates: Sequence[Candidate]) -> Choice | None:
    """The case about which the model disagrees most with itself.

    A case without a map counts as the median of those that have one and goes before others of that value, so it is never left to the
    end. Without any map the order given decides.
    """
    waiting = _least_offered(candidates)
    if not waiting:
        return None
    known = [c.disagreement for c in candidates if c.disagreement is not None]
    middle = median(known) if known else 0.0

    def rank(candidate: Candidate) -> tuple[float, bool]:
        return (middle, True) if candidate.disagreement is None else (candidate.disagreement, False)

    best = max(waiting, key=rank)  # the first of equals
    if best.disagreement is None:
        return Choice(
            best.case_id, f"not scored yet, taken as the median of {len(known)} scored" if known else "no case is scored yet, next in order"
        )
    place = 1 + sum(value > best.disagreement for value in known)
    return Choice(
        best.case_id, f"{best.region} disagreement {best.disagreement:.2f}, rank {place} of {len(known)} scored, {len(candidates)} to do"
    )


def _least_offered(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates that were never offered, else the one that was offered longest ago."""
    if not candidates:
        return []
    longest_ago = min(c.last_offered for c in candidates)
    return [c for c in candidates if c.last_offered == longest_ago]
