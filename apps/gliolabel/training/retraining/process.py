"""The process of a retraining, from the side of whoever started it."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal, Self

import gliolabel
from gliolabel.errors import UnavailableError
from gliolabel.training.retraining.folder import JobFolder


class RetrainingProcess:
    """A running retraining. Leaving the block ends it.

    To be used in one thread that lives as long as the process: on Linux the process dies with the thread that started it.

    Args:
        folder: of the retraining.

    Raises:
        UnavailableError: it cannot be started.
    """

    def __init__(self, folder: JobFolder) -> None:
        command = [sys.executable, "-m", "gliolabel.training.retraining", str(folder.path)]
        # The very package that runs here, wherever it was imported from.
        paths = [str(Path(gliolabel.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
        try:
            with folder.log.open("ab") as log:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env=environment,
                    cwd=folder.path,
                    # Ctrl-C in the terminal is for the one that started it, which then ends this one in order.
                    start_new_session=True,
                )
        except OSError as error:
            raise UnavailableError(f"The training cannot be started: {error.filename or command[0]}: {error.strerror or error}.") from error
        self._messages: queue.SimpleQueue[Mapping[str, Any]] = queue.SimpleQueue()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._words: IO[bytes] = self._process.stdin
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,), name="retraining", daemon=True)
        self._reader.start()
        self._paused = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    @property
    def over(self) -> bool:
        """Whether the process has ended and all its messages were handed out."""
        return self._process.poll() is not None and not self._reader.is_alive() and self._messages.empty()

    def messages(self, *, wait: float) -> Iterator[Mapping[str, Any]]:
        """What it said since the last call.

        Args:
            wait: seconds to wait for the first.
        """
        try:
            yield self._messages.get(timeout=wait)
            while True:
                yield self._messages.get_nowait()
        except queue.Empty:
            return

    def pause(self, paused: bool) -> None:
        """Hold it up before its next step, or let it go on."""
        if paused is not self._paused:
            self._paused = paused
            self._tell("pause" if paused else "continue")

    def stop(self) -> None:
        """Ask it to end before its next step, for good."""
        self._tell("stop")

    def kill(self) -> None:
        """End it now. It can be continued."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._reader.join()
        self._words.close()

    def how_it_ended(self) -> str:
        """For people, when it ended without saying how."""
        code = self._process.wait()
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"

    def _tell(self, word: Literal["pause", "continue", "stop"]) -> None:
        try:
            self._words.write(f"{word}\n".encode())
            self._words.flush()
        except OSError:  # it has just ended
            pass

    def _read(self, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                try:
                    message = json.loads(line)
                except ValueError:
                    continue  # cut off by its death
                self._messages.put(message)
