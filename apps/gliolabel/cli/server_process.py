"""Running MONAI Label's own server as a child process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from gliolabel.errors import UnavailableError

#: Seconds for the first answer; a cold disk needs many times what a warm one does.
START_LIMIT = 180.0
_STOP_LIMIT = 15.0
_LAST_LINES = 15


class ServerProcess:
    """``monailabel start_server`` in a process of its own, its output in a log file, stopped on leaving the context.

    Args:
        app: app folder.
        studies: study folder.
        state: state folder; None for an app that has none.
        host: address to listen on.
        port: port to listen on.
        log: file for the server's output; replaced.
        conf: further values of ``--conf``.
    """

    def __init__(
        self, *, app: Path, studies: Path, state: Path | None, host: str, port: int, log: Path, conf: Mapping[str, str] | None = None
    ) -> None:
        self.log = log
        shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else host
        self.address = f"http://{f'[{shown}]' if ':' in shown else shown}:{port}"
        self._command = [sys.executable, "-m", "monailabel.main", "start_server", "--app", str(app), "--studies", str(studies)]
        self._command += ["--host", host, "--port", str(port)]
        for name, value in {**({} if state is None else {"state": str(state)}), **(conf or {})}.items():
            self._command += ["--conf", name, value]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start it; a terminate signal to us stops it too."""
        signal.signal(signal.SIGTERM, _interrupt)
        with self.log.open("wb") as output:
            environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
            self._process = subprocess.Popen(self._command, stdout=output, stderr=subprocess.STDOUT, env=environment)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop it."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(_STOP_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def wait_until_ready(self) -> None:
        """Wait for the first answer.

        Raises:
            UnavailableError: it stopped, or gave no answer in time; the message ends with its last words.
        """
        assert self._process is not None
        end = time.monotonic() + START_LIMIT
        while time.monotonic() < end:
            if self._process.poll() is not None:
                raise UnavailableError(f"The server stopped while starting (exit code {self._process.returncode}). {self._last_words()}")
            try:
                with urllib.request.urlopen(f"{self.address}/info/", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.25)
        raise UnavailableError(f"The server gave no answer within {START_LIMIT:.0f} s. {self._last_words()}")

    def memory_mib(self) -> float:
        """Memory it holds now (resident), in MiB."""
        import psutil

        assert self._process is not None
        return float(psutil.Process(self._process.pid).memory_info().rss) / 2**20

    def wait(self) -> int:
        """Wait until it stops, and return its exit code; interrupting is the normal way to end: 0."""
        assert self._process is not None
        try:
            return self._process.wait()
        except KeyboardInterrupt:
            return 0

    def _last_words(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:]
        return "\n".join([f"Log: {self.log}, which ends:", *lines])


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
