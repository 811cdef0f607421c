"""One server with small networks on small phantoms, and desks with the module at it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.labelserver.conftest import Server, serving, write_small_studies
from tests.labelserver.conftest import small_weights as small_weights

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "plugin"))

from harness.desks import opening_desks
from harness.remote import Desk

HERE = Path(__file__).resolve().parent
EXTENSION = HERE.parents[1] / "apps" / "slicer-extension"
MODULE = EXTENSION / "GlioLabel"


@pytest.fixture(scope="session")
def _slicer_core() -> None:
    if importlib.util.find_spec("slicer_core") is None:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        pytest.skip(f"slicer-core is not installed; the extra `test` brings it for Python 3.11 (this is {version})")


@pytest.fixture(scope="session")
def server(_slicer_core: None, small_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Four cases without labels and one with, small untrained networks: what is tested does not depend on what they find."""
    folder = tmp_path_factory.mktemp("module-server")
    with serving(folder, small_weights) as start:
        yield start(write_small_studies(folder / "studies", cases=5, labelled=1))


@pytest.fixture(scope="module")
def open_desk(_slicer_core: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Desk]]:
    """Opens desks; all are closed at the end of the module. `name` is the reader's client id."""
    with opening_desks(tmp_path_factory.mktemp, program="module_desk", paths=[HERE]) as open_one:
        yield open_one
