"""A real MONAI Label server process running the brain tumour app."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from email.message import Message
from pathlib import Path
from typing import Any

import requests

REPOSITORY = Path(__file__).resolve().parents[3]
APP = REPOSITORY / "apps" / "brain_tumor"
START_S = 240


def free_port() -> int:
    """A TCP port that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """Starts `monailabel start_server` and waits until it answers.

    Args:
        studies: the study folder.
        folder: for the log and the state.
        conf: further `--conf` settings.
        app: the app folder.
        env: further environment variables.
    """

    def __init__(
        self,
        *,
        studies: Path,
        folder: Path,
        conf: Mapping[str, str] | None = None,
        app: Path = APP,
        env: Mapping[str, str] | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.studies = studies
        self.log = folder / "server.log"
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        settings = {"state": str(folder / "state"), **(conf or {})}
        command = [sys.executable, "-m", "monailabel.main", "start_server", "--app", str(app), "--studies", str(studies)]
        command += ["--host", "127.0.0.1", "--port", str(port)]
        for key, value in settings.items():
            command += ["--conf", key, value]
        # Scoring in the background has tests of its own; here it would take the cores from what is timed.
        environment = {**os.environ, "OMP_NUM_THREADS": "2", "MONAI_LABEL_AUTO_UPDATE_SCORING": "false", **(env or {})}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(REPOSITORY / "apps"), environment.get("PYTHONPATH")]))
        environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", "")])
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        try:
            self.start_seconds = self._wait()
        except BaseException:
            self.stop()
            raise

    def _wait(self) -> float:
        start = time.monotonic()
        while time.monotonic() < start + START_S:
            if self._process.poll() is not None:
                raise AssertionError(f"the server ended with code {self._process.returncode}\n{self.log_end()}")
            try:
                if requests.get(f"{self.url}/info/", timeout=20).status_code in (200, 401):  # 401: it asks for a login
                    return time.monotonic() - start
            except requests.ConnectionError:
                time.sleep(0.2)
        raise AssertionError(f"the server did not answer within {START_S} s\n{self.log_end()}")

    def get(self, path: str, **query: Any) -> requests.Response:
        """GET, with an error for any status but 200."""
        answer = requests.get(f"{self.url}{path}", params=query, timeout=120)
        assert answer.status_code == 200, f"GET {path} {query}: {answer.status_code} {answer.text[:500]}"
        return answer

    def label(self, image: str, tag: str, folder: Path) -> Path:
        """Download a stored label (or map) into `folder`; the file's ending is the server's."""
        answer = self.get("/datastore/label", label=image, tag=tag)
        header = Message()
        header["content-disposition"] = answer.headers["content-disposition"]
        path = folder / f"{tag}_{Path(str(header.get_filename())).name}"
        path.write_bytes(answer.content)
        return path

    def label_info(self, image: str, tag: str) -> dict[str, Any]:
        """What the server keeps about a label."""
        info: dict[str, Any] = self.get("/datastore/label/info", label=image, tag=tag).json()
        return info

    def log_end(self) -> str:
        return self.log.read_text(errors="replace")[-6000:]

    def stop(self) -> None:
        """End the process."""
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(20)
