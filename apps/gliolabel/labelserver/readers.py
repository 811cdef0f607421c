"""Who comes first: requests that a person waits for, before work in the background."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Readers:
    """Counts the requests that a reader waits for and that need the processor.

    Background work calls :meth:`wait_until_idle` between its steps. A request that itself waits for background work steps aside by
    :meth:`standing_aside`, or both would wait for ever.
    """

    def __init__(self) -> None:
        self._busy = 0
        self._changed = threading.Condition()

    @property
    def busy(self) -> bool:
        """Whether a reader's request is being worked on."""
        return self._busy > 0

    @contextmanager
    def request(self) -> Iterator[None]:
        """The block answers a reader's request."""
        self._add(1)
        try:
            yield
        finally:
            self._add(-1)

    @contextmanager
    def standing_aside(self) -> Iterator[None]:
        """Within :meth:`request`: the block only waits for background work."""
        self._add(-1)
        try:
            yield
        finally:
            self._add(1)

    def wait_until_idle(self, *, unless: Callable[[], bool]) -> None:
        """Return when no reader's request is being worked on, or ``unless`` says that there is no reason to wait."""
        with self._changed:
            # The timeout is for `unless`, whose change nobody announces here.
            while self._busy > 0 and not unless():
                self._changed.wait(timeout=0.1)

    def _add(self, change: int) -> None:
        with self._changed:
            self._busy += change
            self._changed.notify_all()
