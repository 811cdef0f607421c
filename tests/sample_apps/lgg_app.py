"""The app as a real server process, with a network small enough to be trained in seconds."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from made_up_slices import SIZE


def _label_server_tests() -> ModuleType:
    """How servers are started in tests/labelserver; that folder is no package of this one's."""
    path = Path(__file__).resolve().parents[1] / "labelserver" / "conftest.py"
    spec = importlib.util.spec_from_file_location("label_server_tests", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look it up there
    spec.loader.exec_module(module)
    return module


_theirs = _label_server_tests()
Server, serving, wait_until = _theirs.Server, _theirs.serving, _theirs.wait_until
APP = _theirs.REPOSITORY / "sample-apps" / "lgg_flair"

#: Enough for the small network to find the bright spot.
EPOCHS = 40

#: The report's recipe, small: what is tested does not depend on how good the network is, only on that it learns at all.
SMALL = [
    "network.channels=[4,8,16]",
    "optimiser.learning_rate=0.01",
    "sampling.batch_size=6",
    f"sampling.patch=[{SIZE},{SIZE}]",
    f"preprocessing.0.size=[{SIZE},{SIZE}]",
]


def train(server: Any, **options: Any) -> dict[str, Any]:
    """Train over the wire and wait for the end."""
    answer = server.post("/train/lgg_flair", json=options)
    assert answer.status_code == 200, answer.text
    return ended(server)


def ended(server: Any) -> dict[str, Any]:
    """The training that ran last, when it is over."""
    run: dict[str, Any] = wait_until(lambda: (run := server.get("/train/").json())["status"] not in ("SUBMITTED", "RUNNING") and run)
    return run
