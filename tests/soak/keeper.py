"""The server of a soak: started, killed, and started again on the same state folder."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable

import psutil
from tests.labelserver.conftest import Server
from tests.soak.ledger import Ledger


class Keeper:
    """Starts and kills the server.

    Args:
        start: starts a server and returns when it answers.
        ledger: is told of a server that ends by itself or does not start.
    """

    def __init__(self, start: Callable[[], Server], ledger: Ledger) -> None:
        self._start, self._ledger = start, ledger
        self.up = threading.Event()
        #: How often a server was ended. A request during which this changes may remain without an answer.
        self.ends = 0
        self.server = start()
        self._down_s, self._down_since = 0.0, 0.0
        self._began = time.monotonic()
        self.up.set()

    @property
    def down_s(self) -> float:
        """Seconds for which there was no server."""
        return self._down_s + (0.0 if self.up.is_set() else time.monotonic() - self._down_since)

    @property
    def up_s(self) -> float:
        """Seconds for which there was one."""
        return time.monotonic() - self._began - self.down_s

    def kill(self) -> None:
        """Kill the server as a power cut would."""
        self._goes_down()
        self.server.process.send_signal(signal.SIGKILL)
        self.server.process.wait(60)

    def restart(self) -> None:
        """Start the next server."""
        try:
            self.server = self._start()
        except AssertionError as error:
            self._ledger.found(f"the server does not start again: {error}")
            self.server = self._start()
        self._down_s += time.monotonic() - self._down_since
        self.up.set()

    def mend(self) -> bool:
        """Start the next server if this one has ended by itself, which is told. Returns whether it had."""
        code = self.server.process.poll()
        if code is None or not self.up.is_set():
            return False
        self._goes_down()
        self._ledger.found(f"the server ended by itself with {code}: {self.server.log.read_text()[-1500:]}")
        self.restart()
        return True

    def trainers(self) -> list[psutil.Process]:
        """The training processes of the server."""
        try:
            children = psutil.Process(self.server.process.pid).children(recursive=True)
            return [child for child in children if "gliolabel.training.retraining" in child.cmdline()]
        except psutil.Error:
            return []

    def kill_trainer(self) -> bool:
        """Kill the training process. Returns whether there was one."""
        trainers = self.trainers()
        for trainer in trainers:
            try:
                os.kill(trainer.pid, signal.SIGKILL)
            except ProcessLookupError:
                return False
        return bool(trainers)

    def _goes_down(self) -> None:
        self._down_since = time.monotonic()
        self.up.clear()
        self.ends += 1
