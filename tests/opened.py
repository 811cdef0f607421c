"""Which files of a folder are opened, by whatever code: as the system sees it."""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_IN_OPEN = 0x20
_EVENT = struct.Struct("iIII")  # watch, mask, cookie, length of the name that follows


class Opened:
    """The names of files opened since the last look."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def look(self) -> set[str]:
        """What was opened since the last look; the folder itself is ``""``."""
        names: set[str] = set()
        while True:
            try:
                events = os.read(self._descriptor, 1 << 16)
            except BlockingIOError:
                return names
            while events:
                length = _EVENT.unpack_from(events)[3]
                names.add(os.fsdecode(events[_EVENT.size : _EVENT.size + length].rstrip(b"\0")))
                events = events[_EVENT.size + length :]


@contextmanager
def watching(folder: Path) -> Iterator[Opened]:
    """Watch a folder, not those below it. Skipped where the system is not Linux."""
    if sys.platform != "linux":
        pytest.skip("only Linux tells which files are opened")
    system = ctypes.CDLL(None, use_errno=True)
    descriptor = system.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if descriptor < 0 or system.inotify_add_watch(descriptor, os.fsencode(folder), _IN_OPEN) < 0:
            pytest.skip(f"this machine does not let us watch a folder: {os.strerror(ctypes.get_errno())}")
        yield Opened(descriptor)
    finally:
        os.close(descriptor)
