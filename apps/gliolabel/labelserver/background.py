"""Runs in the background of the server, one of a kind at a time, in the shape of MONAI Label's background tasks."""

from __future__ import annotations

import threading
import uuid
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

#: Lines of the log that MONAI Label's status shows.
_DETAILS = 20


def now() -> str:
    """The time of the server's clock, as MONAI Label writes it."""
    return datetime.now().strftime("%Y-%m-%d %H:%M:%S")


@dataclass(eq=False, kw_only=True)
class BackgroundRun:
    """What every run in the background keeps of itself.

    Args:
        id: names it to clients.
        status: ``SUBMITTED``, ``RUNNING``, and in the end ``DONE``, ``STOPPED`` or ``ERROR``.
        started: when.
        ended: when; None as long as it is under way.
        details: the last lines of its log.
        stopping: set when it is to end at its next step.
    """

    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "SUBMITTED"
    started: str = field(default_factory=now)
    ended: str | None = None
    details: deque[str] = field(default_factory=lambda: deque(maxlen=_DETAILS))
    stopping: threading.Event = field(default_factory=threading.Event)

    def told(self, request: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """What a client is told.

        Args:
            request: what was asked for.
            more: what only runs of this kind have.
        """
        told: dict[str, Any] = {
            "id": self.id,
            "status": self.status,
            "request": dict(request),
            "start_ts": self.started,
            "details": list(self.details),
            **more,
        }
        return told if self.ended is None else {**told, "end_ts": self.ended}


AnyRun = TypeVar("AnyRun", bound=BackgroundRun)


class OneAtATime(Generic[AnyRun]):
    """Runs of one kind, each in a thread of its own; the next begins when the one before has ended.

    Who inherits starts them: under ``_lock``, and only when nothing is :attr:`running`, it sets ``_run`` and ``_thread``.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._run: AnyRun | None = None
        self._thread: threading.Thread | None = None

    @property
    def last(self) -> AnyRun | None:
        """The run that is under way, or the last one."""
        return self._run

    @property
    def running(self) -> bool:
        """Whether a run is under way."""
        return self._run is not None and self._run.status in ("SUBMITTED", "RUNNING")

    def stop(self, timeout: float = 20.0) -> AnyRun | None:
        """Stop the run that is under way after its present step. Returns it, or None when there was none."""
        run = self._run if self.running else None
        if run is not None and self._thread is not None:
            run.stopping.set()
            self._thread.join(timeout)
        return run

    def give_up(self) -> None:
        """Let the run that is under way end at its next step. Returns at once."""
        if self._run is not None:
            self._run.stopping.set()
