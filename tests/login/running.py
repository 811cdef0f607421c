"""Starting and stopping the provider of :mod:`tests.login.provider`, and asking it for tokens."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import requests
from tests.login.provider import CLIENT_ID, REALM, password_of


class RunningProvider:
    """The provider as a process."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.realm = self.url + REALM
        self._log = folder / "provider.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers. A provider that was started again signs with new keys."""
        with self._log.open("ab") as log:
            command = [sys.executable, str(Path(__file__).with_name("provider.py")), str(self.port)]
            self._process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        end = time.monotonic() + 60
        while True:
            try:
                requests.get(f"{self.realm}/certs", timeout=5).raise_for_status()
                return
            except requests.ConnectionError:
                assert self._process.poll() is None, self._log.read_text()
                assert time.monotonic() < end, self._log.read_text()
                time.sleep(0.05)

    def stop(self) -> None:
        """It is away."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(20)

    def token(self, username: str, *, client_id: str = CLIENT_ID) -> str:
        """As a client gets it."""
        form = {"grant_type": "password", "client_id": client_id, "username": username, "password": password_of(username)}
        answer = requests.post(f"{self.realm}/token", data=form, timeout=20)
        answer.raise_for_status()
        return str(answer.json()["access_token"])

    def sign(self, **claims: Any) -> str:
        """A token with other claims than the provider would put in."""
        answer = requests.post(f"{self.url}/test/sign", json=claims, timeout=20)
        answer.raise_for_status()
        return str(answer.json()["token"])

    def rotate(self) -> None:
        """It signs with a new key from now on."""
        requests.post(f"{self.url}/test/rotate", timeout=20).raise_for_status()

    def environment(self) -> dict[str, str]:
        """MONAI Label's settings for a server that uses it."""
        return {"MONAI_LABEL_AUTH_ENABLE": "true", "MONAI_LABEL_AUTH_REALM_URI": self.realm}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
