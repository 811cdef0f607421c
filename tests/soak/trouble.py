"""What is disturbed at the moment, and so may be refused."""

from __future__ import annotations

import time

#: The server looks at the study folder again at most this often; what is as it was before may still be told as it was (seconds).
_MEMORY_S = 60.0
#: Cases that never were in order.
BROKEN = "Broken_"


class Trouble:
    """What is disturbed. Told by the chaos, asked by the clients."""

    def __init__(self) -> None:
        self._full, self._freed = False, float("-inf")
        self._spoiled: dict[str, float] = {}
        #: The clock has jumped: what expires may have expired.
        self.clock_jumped = False

    def fill(self) -> None:
        """The disk is about to be full."""
        self._full = True

    def free(self) -> None:
        """The disk has room again."""
        self._full, self._freed = False, time.monotonic()

    def disk_was_full(self, *, since: float) -> bool:
        """Whether it was at any moment since then (monotonic seconds)."""
        return self._full or self._freed >= since

    def spoil(self, case_id: str) -> None:
        """A file of the case is about to be spoiled."""
        self._spoiled[case_id] = float("inf")

    def mend(self, case_id: str) -> None:
        """The case is as it was before."""
        self._spoiled[case_id] = time.monotonic() + _MEMORY_S

    def spoiled(self, case_id: str) -> bool:
        """Whether the case may be refused."""
        return case_id.startswith(BROKEN) or self._spoiled.get(case_id, 0.0) > time.monotonic()
