"""Which cases a reader may be offered: first those that nobody has and this reader was not shown yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar


class _Case(Protocol):
    @property
    def case_id(self) -> str: ...


_Kind = TypeVar("_Kind", bound=_Case)


def available(candidates: Sequence[_Kind], *, held: Mapping[str, float], passed: Mapping[str, float]) -> tuple[list[_Kind], str]:
    """The cases to choose from.

    First come the cases that no other reader has and that this reader was not offered before. When there are none, the one that this
    reader passed over longest ago. When other readers have all that is left, the one that has been out longest: two readers on the last
    case are better than one who is told that nothing is left.

    Args:
        candidates: all cases to do.
        held: since when another reader has a case, by case id.
        passed: when this reader was offered a case, by case id.

    Returns:
        The cases, and what is to be added to the reason.
    """
    new = [c for c in candidates if c.case_id not in held and c.case_id not in passed]
    if new:
        return new, ""
    seen = [c for c in candidates if c.case_id not in held]
    if seen:
        return [min(seen, key=lambda c: passed[c.case_id])], "; you were offered all others since"
    # Of the cases that others have, this reader is given another one each time.
    out = sorted(candidates, key=lambda c: (passed.get(c.case_id, 0.0), held[c.case_id]))
    return out[:1], "; another reader has it too, as every case that is left" if out else ""
