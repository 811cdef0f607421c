"""Expensive runs by key: each is made once, in the background or for the request that asks, and whoever asks meanwhile waits for it."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Generic, TypeVar

from gliolabel.errors import GlioLabelError
from gliolabel.labelserver.queueing import GoneError, Kind, Line, StoppedError, Ticket
from gliolabel.labelserver.queueing.serving import step_back
from gliolabel.labelserver.readers import Readers

_LOG = logging.getLogger(__name__)
_Result = TypeVar("_Result")

#: Runs that wait for the background at most; older ones are dropped (they are made again when somebody asks).
_QUEUE = 16
#: Seconds between two looks whether a client that waits for another's run went away.
_LOOK_S: Final = 0.25


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
    ticket: Ticket | None = None


class Runs(Generic[_Result]):
    """Runs by key.

    Args:
        readers: the requests that background runs make way for.
        name: of the background thread, for the log.
        line: whose turn it is to compute; by default nobody else computes.
    """

    def __init__(self, readers: Readers, *, name: str, line: Line | None = None) -> None:
        self._readers = readers
        self._line = line or Line()
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

    def now(self, key: Hashable, make: Callable[[Callable[[], None]], _Result], *, group: str, ticket: Ticket | None = None) -> _Result:
        """Make it in this thread, or wait for the run that is being made. To be called within :meth:`Readers.request`.

        Args:
            key: what it is of.
            make: makes it, see :class:`Run`.
            group: see there.
            ticket: the request's, which has no turn now; without one it is not in the queue.

        Raises:
            GoneError: the client went away. A run that others wait for is made all the same.
        """
        while True:
            with self._lock:
                run = self._runs.get(key)
                mine = run is None or not run.started
                if run is None:
                    run = self._runs[key] = Run(key, group, make)
                elif mine:
                    self._queue.remove(run)
                if mine:
                    run.started, run.ticket = True, ticket
                else:
                    run.waiting += 1
                    if run.ticket is not None:
                        run.ticket.rather(Kind.MAP)
            if mine:
                self._make(run, partial(self._between, run, ticket), nullcontext() if ticket is None else ticket.turn(Kind.MAP))
                return run.result.result()
            if ticket is not None:
                ticket.needs_no_turn()
            try:
                with self._readers.standing_aside():
                    while not wait([run.result], _LOOK_S).done:
                        if ticket is not None and ticket.gone:
                            raise GoneError
                return run.result.result()
            except GoneError:
                if ticket is not None and ticket.gone:
                    raise
                # Only the one who made it went away: it is made once more.
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

    def group_busy(self, group: str) -> bool:
        """Whether any run of a group waits or is being made."""
        with self._lock:
            return any(run.group == group for run in self._runs.values())

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
        step_back()
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
                run.started, run.ticket = True, self._line.background(self._name)
            with run.ticket:
                self._make(run, partial(self._step_aside, run, run.ticket), run.ticket.turn())
            error = run.result.exception()
            if error is not None and not isinstance(error, StoppedError):
                # Nobody may be waiting; a person finds it in the log.
                expected = isinstance(error, GlioLabelError)
                _LOG.warning("%s: %s", self._name, error, exc_info=None if expected else error)
            del run, error  # what they hold, perhaps a network, is not kept until the next one comes

    def _make(self, run: Run[_Result], pause: Callable[[], None], turn: AbstractContextManager[None]) -> None:
        try:
            with turn:
                result = run.make(pause)
        except BaseException as error:
            self._forget(run)
            run.result.set_exception(error)
            if not isinstance(error, Exception):
                raise
        else:
            self._forget(run)
            run.result.set_result(result)

    def _between(self, run: Run[_Result], ticket: Ticket | None) -> None:
        """Between the steps of a run that a request makes."""
        self._check_stopping()
        if ticket is None:
            return
        with self._lock:
            unwanted = ticket.gone and not run.waiting
            if unwanted and self._runs.get(run.key) is run:
                del self._runs[run.key]  # who asks from now on begins another
        if unwanted:
            raise GoneError
        ticket.give_way()

    def _step_aside(self, run: Run[_Result], ticket: Ticket) -> None:
        """Between the steps of a run in the background."""
        with ticket.aside():
            if not run.waiting:
                ticket.kind = Kind.BACKGROUND
            self._pause(run)

    def _pause(self, run: Run[_Result]) -> None:
        self._readers.wait_until_idle(unless=lambda: run.waiting > 0 or self._stopping.is_set())
        self._check_stopping()

    def _check_stopping(self) -> None:
        if self._stopping.is_set():
            raise StoppedError

    def _drop(self, run: Run[_Result]) -> None:
        self._queue.remove(run)
        del self._runs[run.key]

    def _forget(self, run: Run[_Result]) -> None:
        with self._lock:
            if self._runs.get(run.key) is run:
                del self._runs[run.key]
