"""A process that never outlives the one that started it, and gives way to it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Final, TextIO

#: Linux's prctl option: the signal that this process gets when its parent is gone.
_PR_SET_PDEATHSIG: Final = 1
#: How much this process gives way to others (0 to 19).
_NICENESS: Final = 10
#: Exit code when the parent is gone.
ORPHANED: Final = 3


def die_with_parent() -> None:
    """See that the system ends this process with its parent, where it can (Linux): also in a long computation, also at ``kill -9``."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def step_back() -> None:
    """Let other processes have the processor first."""
    with contextlib.suppress(AttributeError, OSError):  # Windows has no nice
        os.nice(_NICENESS)


def listen(stream: TextIO, hear: Callable[[str], None]) -> None:
    """Hand every line of a pipe to ``hear`` in a thread; when the other end is gone, so is this process, at once.

    Args:
        stream: a pipe that the parent holds open for as long as it lives.
        hear: gets a line without its end.
    """

    def work() -> None:
        for line in stream:
            hear(line.strip())
        os._exit(ORPHANED)

    threading.Thread(target=work, name="lifeline", daemon=True).start()
