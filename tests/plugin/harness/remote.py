"""The test's handle to a desk. Imports nothing of Slicer: pytest's own process stays clean."""

from __future__ import annotations

import ctypes.util
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HARNESS = Path(__file__).resolve().parent


def can_photograph() -> bool:
    """Whether this machine has EGL, without which `Desk.photograph` cannot work."""
    return ctypes.util.find_library("EGL") is not None


class DeskError(AssertionError):
    """Something went wrong at the desk; the text has the plugin's traceback."""


class ErrorShown(DeskError):
    """The plugin showed an error box; `text` is what a reader reads."""

    def __init__(self, text: str, details: str) -> None:
        super().__init__(f"{text}\n{details}")
        self.text = text


class Refused(DeskError):
    """A person could not do that: the widget is hidden or disabled, or there is no such choice."""


class Desk:
    """Starts a desk process and passes every method call on to it (see `desk.Desk` for the methods).

    Args:
        folder: the desk's own folder: temporary files, download cache, log.
        server: address of the MONAI Label server that the settings name.
        settings: other Slicer settings, by key.
        hidden_folder: a folder this desk cannot see, to force downloads instead of shared paths.
        timeout: seconds any single action may take.
        program: another module to run as the desk's process.
        paths: further folders that it finds modules in.
    """

    def __init__(
        self,
        *,
        folder: Path,
        server: str,
        settings: dict[str, Any] | None = None,
        hidden_folder: Path | None = None,
        timeout: float = 900,
        program: str = f"{HARNESS.name}.desk",
        paths: Sequence[Path] = (),
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / "desk.log"
        self._timeout = timeout
        self._connection, theirs = multiprocessing.Pipe()
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, (HARNESS.parent, *paths))),
            "VTK_DEFAULT_OPENGL_WINDOW": "vtkEGLRenderWindow",
            "OMP_NUM_THREADS": "2",
        }
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", program, str(theirs.fileno())],
                cwd=folder,
                env=environment,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        theirs.close()
        self._exchange(
            {
                "folder": str(folder),
                "settings": {"MONAILabel/serverUrl": server, "MONAILabel/serverUrlHistory": server, **(settings or {})},
                "hidden_folder": str(hidden_folder) if hidden_folder else None,
            }
        )

    def __getattr__(self, method: str) -> Any:
        if method.startswith("_"):
            raise AttributeError(method)
        return lambda *args, **kwargs: self._exchange((method, args, kwargs))

    def _exchange(self, request: Any) -> Any:
        """Send one request and wait for the answer; a desk that died or hangs is a DeskError with the end of its log."""
        try:
            self._connection.send(request)
            if not self._connection.poll(self._timeout):
                raise DeskError(f"no answer within {self._timeout} s to {request!r:.200}\n{self._log_end()}")
            status, *rest = self._connection.recv()
        except (EOFError, BrokenPipeError, ConnectionResetError) as error:
            raise DeskError(f"the desk process ended (exit code {self._process.wait(10)})\n{self._log_end()}") from error
        if status == "ok":
            return rest[0]
        kind, text, details = rest
        if kind == "ErrorShown":
            raise ErrorShown(text, details)
        raise (Refused if kind == "Refused" else DeskError)(f"{kind}: {text}\n{details}")

    def _log_end(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]

    def close(self) -> None:
        """End the process."""
        self._connection.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(20)
