"""Running the command in this process."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from gliolabel.cli import main


@dataclass(frozen=True)
class Answer:
    """What the command printed, and its exit code."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def _own_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No test sees the user's state folders, and --state leaves no trace in the environment."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data-home"))
    monkeypatch.setenv("COLUMNS", "200")
    before = os.environ.pop("GLIOLABEL_STATE", None)
    yield
    os.environ.pop("GLIOLABEL_STATE", None)
    if before is not None:
        os.environ["GLIOLABEL_STATE"] = before


@pytest.fixture
def gliolabel(capfd: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """``gliolabel("doctor", "--json")`` -> what it printed."""

    def call(*arguments: str | Path) -> Answer:
        capfd.readouterr()
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        code = stop.value.code
        out, err = capfd.readouterr()
        return Answer(code if isinstance(code, int) else 0 if code is None else 1, out, err)

    return call


@pytest.fixture(scope="session")
def made_up() -> ModuleType:
    """The helper module beside this file."""
    spec = importlib.util.spec_from_file_location("made_up", Path(__file__).with_name("made_up.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
