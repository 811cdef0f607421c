"""How long things take on this machine, for "about 20 s"."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

#: Weight of the newest measurement in the running mean.
_NEWEST: Final = 0.3
#: Something that takes longer than usual will take so many seconds more, at least: nobody knows.
_LEAST_REST_S: Final = 1.0


class Pace:
    """Running means of seconds by work. Whoever has one guards it from threads.

    Example:
        >>> pace = Pace()
        >>> pace.note("mask", 4.0)
        >>> pace.rest("mask", done_s=1.5), pace.rest("mask", done_s=9.0), pace.rest("map", done_s=0.0)
        (2.5, 1.0, 4.0)
    """

    def __init__(self) -> None:
        self._seconds: dict[Hashable, float] = {}

    def note(self, work: Hashable, seconds: float) -> None:
        """It took so long."""
        before = self._seconds.get(work)
        self._seconds[work] = seconds if before is None else before + _NEWEST * (seconds - before)

    def rest(self, work: Hashable, *, done_s: float) -> float | None:
        """How many seconds it will still take, by what it and, if it was never done, everything else took; None: nothing was measured."""
        if not self._seconds:
            return None
        usual = self._seconds.get(work, sum(self._seconds.values()) / len(self._seconds))
        return max(_LEAST_REST_S, usual - done_s)
