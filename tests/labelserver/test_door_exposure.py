"""A server that everybody reaches says so; one that requires a login does not start without."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from tests.labelserver.conftest import APP, Server, write_small_studies

pytestmark = pytest.mark.slow


def test_an_open_server_says_so_and_tells_others_less(serve: Callable[..., Server], tmp_path: Path) -> None:
    server = serve(write_small_studies(tmp_path / "studies", cases=1), host="0.0.0.0")
    description = server.client().info()["description"]
    assert description.startswith("OPEN TO EVERYBODY")
    log = server.log.read_text()
    assert re.search(r"WARNING.*OPEN TO EVERYBODY: this server listens on 0\.0\.0\.0", log)
    assert "Access-Control-Allow-Origin" not in server.get("/info/", headers={"Origin": "https://evil.example"}).headers
    own = _own_address()
    if own is None:
        pytest.skip("this machine has no address but its loopback")
    there = f"http://{own}:{server.url.rsplit(':', 1)[1]}"
    sample = requests.post(f"{there}/activelearning/random", json={}, timeout=30).json()
    assert sample["id"] == "Case_000"
    assert "path" not in sample
    assert requests.get(f"{there}/logs/", timeout=30).status_code == 403
    image = requests.get(f"{there}/datastore/image?image=Case_000", timeout=30)
    assert image.ok, "what has no path is downloaded"


def test_a_server_on_the_loopback_says_nothing(shared_server: Server) -> None:
    assert "OPEN TO EVERYBODY" not in shared_server.log.read_text()
    assert "OPEN TO EVERYBODY" not in shared_server.client().info()["description"]


def test_a_required_login_that_is_missing_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "studies").mkdir()
    command = [sys.executable, "-m", "monailabel.main", "start_server", "--app", str(APP), "--studies", str(tmp_path / "studies")]
    command += ["--conf", "require_login", "true", "--conf", "state", str(tmp_path / "state")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, cwd=tmp_path)
    assert done.returncode != 0
    said = (done.stdout + done.stderr).strip().splitlines()[-4:]
    assert any("--conf require_login true: no login is set up" in line for line in said), said
    assert not (tmp_path / "state").exists(), "nothing was begun"


def _own_address() -> str | None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            return None
        address = str(probe.getsockname()[0])
    return None if address.startswith("127.") else address
