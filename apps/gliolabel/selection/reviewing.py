"""Which completed case to look at again."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from gliolabel.selection.candidates import Choice, Completed


def review(candidates: Sequence[Completed], *, completed: Sequence[Completed] | None = None) -> Choice | None:
    """The completed case whose label and model agree least.

    Cases that were not looked at again come before those that were. A case that is not compared yet counts as the median of those that
    are and goes before others of that value. Of equals, the one submitted longest ago.

    Args:
        candidates: to choose from.
        completed: all completed cases, among which ranks and the median are taken; by default the same.
    """
    if not candidates:
        return None
    everything = completed or candidates
    known = [c.dice for c in everything if c.dice is not None]
    middle = median(known) if known else 1.0

    def order(candidate: Completed) -> tuple[bool, float, bool, float]:
        value = middle if candidate.dice is None else candidate.dice
        return candidate.reviewed, value, candidate.dice is not None, candidate.submitted

    first = min(candidates, key=order)
    again = ", reviewed before" if first.reviewed else ""
    if first.dice is None:
        why = f"not compared yet, taken as the median of {len(known)} compared" if known else "no label is compared yet, the oldest first"
        return Choice(first.case_id, why + again)
    place = 1 + sum(value < first.dice for value in known)
    compared = f"rank {place} of {len(known)}" + ("" if len(known) == len(everything) else f" compared, {len(everything)} completed")
    return Choice(first.case_id, f"label and model: {first.region} Dice {first.dice:.2f}, {compared}{again}")
