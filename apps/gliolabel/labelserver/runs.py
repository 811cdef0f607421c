"""Expensive runs by key: each is made once, in the background or for the request that asks, and whoever asks meanwhile waits for it."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from gliolabel.errors import GlioLabelError, UnavailableError
from gliolabel.labelserver.readers import Readers

_LOG = logging.getLogger(__name__)
_Result = TypeVar("_Result")

#: Runs that wait for the background at most; older ones are dropped (they are made again when somebody asks).
_QUEUE = 16


class StoppedError(UnavailableError):
    """The server is going down; the run was given up."""


@dataclass(eq=False)
class Run(Generic[_Result]):
    """A run that waits or is being made.

    Args:
        key: what it is of.
        group: of the runs of one group that wait for the background only the last stays (a case: the last segmentation counts).
        make: makes the result; calls the function it is given between its steps, which pauses or raises :class:`StoppedError`.
    """

    key: Hashable
    group: str
    make: Callable[[Callable[[], None]], _Result]
    result: Future[_Result] = field(default_factory=Future)
    started: bool = False
    waiting: int = 0


class Runs(Generic[_Result]):
    """Runs by key.

    Args:
        readers: the requests that background runs make way for.
        name: of the background thread, for the log.
    """

    def __init__(self, readers: Readers, *, name: str) -> None:
        self._readers = readers
        self._name = name
        self._lock = threading.Condition()
        self._runs: dict[Hashable, Run[_Result]] = {}
        self._queue: deque[Run[_Result]] = deque()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()

    def later(self, key: Hashable, make: Callable[[Callable[[], None]], _Result], *, group: str) -> None:
        """Make it in the background, when no reader waits for anything."""
        with self._lock:
            for waiting in [run for run in self._queue if run.group == group and run.key != key]:
                self._drop(waiting)
            if key in self._runs or self._stopping.is_set():
                return
            while len(self._queue) >= _QUEUE:
                self._drop(self._queue[0])
            run = Run(key, group, make)
            self._runs[key] = run
            self._queue.append(run)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()
            self._lock.notify_all()

    def now(self, key: Hashable, make: Callable[[Callable[[], None]], _Result], *, group: str) -> _Result:
        """Make it in this thread, or wait for the run that is being made. To be called within :meth:`Readers.request`."""
        with self._lock:
            run = self._runs.get(key)
            mine = run is None or not run.started
            if run is None:
                run = self._runs[key] = Run(key, group, make)
            elif mine:
                self._queue.remove(run)
            if mine:
                run.started = True
            else:
                run.waiting += 1
        if mine:
            self._make(run, self._check_stopping)
            return run.result.result()
        try:
            with self._readers.standing_aside():
                return run.result.result()
        finally:
            with self._lock:
                run.waiting -= 1

    def under_way(self, key: Hashable) -> bool:
        """Whether a run of this key waits or is being made."""
        return key in self._runs

    @property
    def busy(self) -> bool:
        """Whether any run waits or is being made."""
        return bool(self._runs)

    def give_up(self) -> None:
        """Let every run end at its next step, with an error. Returns at once and may be called from a signal handler."""
        self._stopping.set()

    def stop(self, timeout: float = 20.0) -> None:
        """Give up what is being made in the background and end its thread."""
        self.give_up()
        with self._lock:
            self._lock.notify_all()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def _work(self) -> None:
        while True:
            with self._lock:
                while not self._queue and not self._stopping.is_set():
                    self._lock.wait()
            self._readers.wait_until_idle(unless=self._stopping.is_set)
            with self._lock:
                if self._stopping.is_set():
                    return
                if not self._queue:
                    continue
                run = self._queue.popleft()
                run.started = True
            self._make(run, lambda run=run: self._pause(run))  # type: ignore[misc]
            error = run.result.exception()
            if error is not None and not isinstance(error, StoppedError):
                # Nobody may be waiting; a person finds it in the log.
                expected = isinstance(error, GlioLabelError)
                _LOG.warning("%s: %s", self._name, error, exc_info=None if expected else error)
            del run, error  # what they hold, perhaps a network, is not kept until the next one comes

    def _make(self, run: Run[_Result], pause: Callable[[], None]) -> None:
        try:
            result = run.make(pause)
        except BaseException as error:
            self._forget(run)
            run.result.set_exception(error)
            if not isinstance(error, Exception):
                raise
        else:
            self._forget(run)
            run.result.set_result(result)

    def _pause(self, run: Run[_Result]) -> None:
        self._readers.wait_until_idle(unless=lambda: run.waiting > 0 or self._stopping.is_set())
        self._check_stopping()

    def _check_stopping(self) -> None:
        if self._stopping.is_set():
            raise StoppedError("The server is going down. Try again when it is back.")

    def _drop(self, run: Run[_Result]) -> None:
        self._queue.remove(run)
        del self._runs[run.key]

    def _forget(self, run: Run[_Result]) -> None:
        with self._lock:
            self._runs.pop(run.key, None)
