"""Doing something when the server is told to stop, before it waits for the requests that are being answered."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType


def before_signals(action: Callable[[], None]) -> None:
    """Call ``action`` at SIGINT and SIGTERM, then what was called until now (uvicorn's orderly shutdown).

    Does nothing outside the main thread, where Python allows no signal handlers.

    Args:
        action: returns at once.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGINT, signal.SIGTERM):
        before = signal.getsignal(number)
        if callable(before):
            signal.signal(number, _both(action, before))


def _both(action: Callable[[], None], before: Callable[[int, FrameType | None], object]) -> Callable[[int, FrameType | None], None]:
    def handler(number: int, frame: FrameType | None) -> None:
        action()
        before(number, frame)

    return handler
