"""``gliolabel demo``, with the network's part taken by the label, and with a real server."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from gliolabel.cli.app_folder import find_app_folder
from gliolabel.cli.ports import port_is_free
from gliolabel.inference import Segmentation
from gliolabel.phantoms import write_phantom_folder
from gliolabel.studies import CaseImages, open_studies


@pytest.fixture
def small_demo(tmp_path: Path) -> Path:
    """A demo folder whose studies are there already, small."""
    write_phantom_folder(tmp_path / "demo" / "studies", cases=1, shape=(40, 64, 64))
    return tmp_path / "demo"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_no_serve_writes_a_picture_and_prints_its_path(
    gliolabel: Callable, small_demo: Path, made_up: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    class FromLabel:
        def __init__(self, version: Any) -> None:
            pass

        def segment(self, images: CaseImages, *, passes: int) -> Segmentation:
            return made_up.segmentation_from_label(open_studies(small_demo / "studies").get(images.case_id), passes=passes)

    monkeypatch.setattr("gliolabel.inference.Segmenter", FromLabel)
    monkeypatch.setattr("gliolabel.cli.demo.choose_model", lambda name, **_: SimpleNamespace(name=name))
    answer = gliolabel("demo", small_demo, "--no-serve")
    assert answer.code == 0, answer.err
    picture = Path(answer.out.removeprefix("Picture:").strip())
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "synthetic" in answer.err
    assert "not a medical device" in answer.err
    assert {path.name for path in small_demo.iterdir()} == {"studies", "results"}


def test_a_port_in_use_is_bad_input(gliolabel: Callable, small_demo: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        assert not port_is_free("127.0.0.1", port)
        answer = gliolabel("demo", small_demo, "--port", port)
    assert answer.code == 2
    assert f"--port {port + 1}" in answer.err


def test_a_file_instead_of_the_folder_is_bad_input(gliolabel: Callable, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert gliolabel("demo", tmp_path / "file").code == 2


def test_the_app_folder_is_found() -> None:
    folder = find_app_folder()
    assert folder is not None
    assert "gliolabel.labelserver" in (folder / "main.py").read_text()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_server_starts_answers_and_stops(small_demo: Path) -> None:
    port = _free_port()
    command = [sys.executable, "-m", "gliolabel.cli", "demo", str(small_demo), "--port", str(port)]
    environment = {name: value for name, value in os.environ.items() if name != "GLIOLABEL_STATE"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        info = _wait_for(f"http://127.0.0.1:{port}/info/", process)
        assert "not a medical device" in json.dumps(info)
        time.sleep(2)  # until the steps are printed
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode in {0, 130}, err
    assert f"http://127.0.0.1:{port}" in out
    assert "Next Sample" in out
    assert {path.name for path in small_demo.iterdir()} == {"studies", "state", "brain_tumor", "server.log"}
    assert port_is_free("127.0.0.1", port)


def _wait_for(url: str, process: subprocess.Popen[str]) -> Any:
    end = time.monotonic() + 400
    while time.monotonic() < end:
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return json.load(answer)
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise AssertionError(f"no answer from {url}")
