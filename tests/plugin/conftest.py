"""Fixtures for driving the stock Slicer plugin against a real server.

The stand-ins for Slicer live in processes of their own (see `harness.remote`), so these tests may run beside all others.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness.desks import opening_desks
from harness.remote import Desk
from live.server import Server
from live.study import Study, make_study

ARTIFACTS_VARIABLE = "GLIOLABEL_TEST_ARTIFACTS"


@pytest.fixture(scope="session", autouse=True)
def _slicer_core() -> None:
    """Without slicer-core there is no plugin test."""
    if importlib.util.find_spec("slicer_core") is None:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        pytest.skip(
            f"slicer-core is not installed, so the plugin cannot be opened; the extra `test` brings it for Python 3.11 (this is {version})"
        )


@pytest.fixture(scope="session")
def study(_slicer_core: None, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A copied study folder of real cases, or of phantoms."""
    return make_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="session")
def server(study: Study, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server process for all plugin tests."""
    running = Server(studies=study.folder, folder=tmp_path_factory.mktemp("server"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def open_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Desk]]:
    """Opens desks; all are closed at the end of the module. `name` is the reader's client id."""
    with opening_desks(tmp_path_factory.mktemp) as open_one:
        yield open_one


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures go: $GLIOLABEL_TEST_ARTIFACTS, else a temporary folder."""
    named = os.environ.get(ARTIFACTS_VARIABLE)
    return Path(named) if named else tmp_path_factory.mktemp("artifacts")
