"""Work in threads, its results on the main thread.

Only the main thread may touch MRML nodes and widgets. So a job's work runs in a thread of its own and touches neither; what is done with
its result is called from :meth:`Jobs.poll`, which a timer of the panel calls.
"""

from __future__ import annotations

import queue
import threading
import traceback
from typing import Any, Callable, Dict, NamedTuple, Optional

from .client import Cancelled, ServerError, Stop

#: While jobs run, each poll leaves them the interpreter for so long (seconds): Slicer's main thread holds it otherwise.
YIELD_S = 0.02


class _Ended(NamedTuple):
    job: Job
    result: Any
    error: Optional[BaseException]


class Job:
    """Something that is done in a thread.

    Args:
        name: of its kind; there is one of a kind at a time.
        on_done: called on the main thread with the result.
        on_error: called on the main thread with a sentence.
        on_cancel: called on the main thread when it was cancelled.
        discard: called on the main thread with a result that came all the same, and that nobody is told of.
    """

    def __init__(
        self,
        name: str,
        on_done: Callable[[Any], None],
        on_error: Callable[[ServerError], None],
        on_cancel: Callable[[], None],
        discard: Callable[[Any], None],
    ) -> None:
        self.name = name
        self.stop = Stop()
        self.on_done, self.on_error, self.on_cancel, self.discard = on_done, on_error, on_cancel, discard


class Jobs:
    """The jobs that run now, one of each name."""

    def __init__(self) -> None:
        self._running: Dict[str, Job] = {}
        self._ended: queue.Queue[_Ended] = queue.Queue()

    def runs(self, name: str) -> bool:
        """Whether a job of that name runs."""
        return name in self._running

    @property
    def busy(self) -> bool:
        """Whether any job runs."""
        return bool(self._running)

    def start(
        self,
        name: str,
        work: Callable[[Stop], Any],
        on_done: Callable[[Any], None],
        on_error: Callable[[ServerError], None],
        on_cancel: Callable[[], None] = lambda: None,
        discard: Callable[[Any], None] = lambda result: None,
    ) -> bool:
        """Start a job, unless one of that name runs. Returns whether it was started.

        Args:
            name: of its kind.
            work: done in a thread; raises ServerError for what a reader should read, and Cancelled.
            on_done: see :class:`Job`, as the others.
            on_error: any other exception comes here too, as a sentence; its trace is printed for the Python console.
            on_cancel: see there.
            discard: see there.
        """
        if name in self._running:
            return False
        job = Job(name, on_done, on_error, on_cancel, discard)
        self._running[name] = job
        threading.Thread(target=self._work, args=(job, work), name=f"GlioLabel {name}", daemon=True).start()
        return True

    def cancel(self, *names: str) -> None:
        """Cancel the jobs of these names, or all; each ends soon, and says so at a later poll."""
        for name in names or tuple(self._running):
            if name in self._running:
                self._running[name].stop.cancel()

    def forget(self, *names: str) -> None:
        """Cancel the jobs of these names, or all, and call nobody when they end: others of their names may start at once."""
        for name in names or tuple(self._running):
            job = self._running.pop(name, None)
            if job is not None:
                job.stop.cancel()

    def poll(self) -> bool:
        """To be called by a timer on the main thread. Returns whether a job ended."""
        found = False
        wait = YIELD_S if self._running else 0.0
        while True:
            try:
                ended = self._ended.get(timeout=wait) if wait else self._ended.get_nowait()
            except queue.Empty:
                return found
            wait = 0.0
            if self._running.get(ended.job.name) is not ended.job:
                _discard(ended)  # it was forgotten
                continue
            del self._running[ended.job.name]
            found = True
            self._tell(ended)

    def _tell(self, ended: _Ended) -> None:
        job, error = ended.job, ended.error
        if isinstance(error, Cancelled) or job.stop.cancelled:  # also when the answer was quicker: who cancels wants nothing changed
            _discard(ended)
            job.on_cancel()
        elif isinstance(error, ServerError):
            job.on_error(error)
        elif error is not None:
            traceback.print_exception(type(error), error, error.__traceback__)
            job.on_error(ServerError(f"{job.name}: {type(error).__name__}: {error}. The Python console has more."))
        else:
            job.on_done(ended.result)

    def _work(self, job: Job, work: Callable[[Stop], Any]) -> None:
        result, error = None, None
        try:
            result = work(job.stop)
        except BaseException as caught:  # the main thread is told of everything
            error = caught
        self._ended.put(_Ended(job, result, error))


def _discard(ended: _Ended) -> None:
    if ended.error is None:
        ended.job.discard(ended.result)
