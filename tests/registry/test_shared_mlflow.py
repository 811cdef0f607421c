"""An MLflow server on the network, as several sites would share it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from gliolabel.errors import UnavailableError
from gliolabel.registry import Registry
from gliolabel.state import StateFolder


@pytest.fixture
def mlflow_server(tmp_path: Path, empty_mlflow: Path) -> Iterator[str]:
    """The URI of a real MLflow server that keeps weights in a folder of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path / "mlflow-server"
    folder.mkdir()
    shutil.copyfile(empty_mlflow, folder / "mlflow.db")
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}", "--artifacts-destination", str(folder / "files")]
    log = folder / "log"
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, cwd=folder, env=environment, start_new_session=True)
    try:
        end = time.monotonic() + 200
        while True:
            assert process.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < end, log.read_text()[-3000:]
            try:
                if requests.get(f"http://127.0.0.1:{port}/health", timeout=5).ok:
                    break
            except requests.ConnectionError:
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, 15)
        process.wait(30)


@pytest.mark.slow
def test_two_sites_share_their_champions(
    mlflow_server: str, starters: Path, trained: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = StateFolder(tmp_path / "first").create()
    second = StateFolder(tmp_path / "second").create()
    here = Registry(starters, state=first, uri=mlflow_server)
    here.register(trained("site-1"), parent=here.champion("unet3d"), manifest={"cases": []}, seed=0, metrics={"dice": 0.5}, actor="ann")
    promoted = here.promote("unet3d", "site-1", actor="ann", reason="a test", override=True)
    # Served from a copy on this machine, checked; MLflow's own file lies on the server.
    assert promoted.path.parent == first.models / "cache"
    assert promoted.path.stem == promoted.sha256()

    there = Registry(starters, state=second, uri=mlflow_server)
    assert there.champion("unet3d").version == "starter-1"
    there.catch_up()
    assert there.champion("unet3d").version == "site-1"
    assert there.champion("unet3d").path.is_relative_to(second.models)
    # A lost copy is fetched again; a file that is not the one that was registered is not used.
    there.champion("unet3d").path.unlink()
    assert Registry(state=second).champion("unet3d").sha256() == promoted.sha256()
    kept = list((tmp_path / "mlflow-server" / "files").rglob("site-1*.safetensors"))
    assert len(kept) == 1
    kept[0].write_bytes(trained("site-1", seed=9).read_bytes())
    there.champion("unet3d").path.unlink()
    with pytest.raises(UnavailableError, match="SHA-256"):
        Registry(state=second).champion("unet3d")
    # What is served here goes on while the server is away, and a change is refused with its reason.
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    away = Registry(state=first, uri="http://127.0.0.1:9")
    assert away.champion("unet3d").version == "site-1"
    with pytest.raises(UnavailableError, match=r"http://127\.0\.0\.1:9"):
        away.rollback("unet3d", actor="ann", reason="a test")
    assert away.champion("unet3d").version == "site-1"
