"""The command's root: help, global options, exit codes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gliolabel import __version__
from gliolabel.cli import app as app_module
from gliolabel.cli.state import STATE_VARIABLE, state_path
from gliolabel.errors import GlioLabelError, InputError, UnavailableError, UnknownError
from gliolabel.state.folder import ENVIRONMENT


def test_help_names_every_command_the_codes_and_the_notice(gliolabel: Callable) -> None:
    answer = gliolabel("--help")
    assert answer.code == 0
    for word in ("demo", "doctor", "segment", "recipes", "benchmark", "models", "0 done, 1 failed, 2 bad input", "not a medical device"):
        assert word in answer.out


@pytest.mark.parametrize("command", ["demo", "doctor", "segment", "recipes", "benchmark", "models"])
def test_every_command_has_help(gliolabel: Callable, command: str) -> None:
    answer = gliolabel(command, "--help")
    assert answer.code == 0
    assert "Usage" in answer.out


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, gliolabel.cli; "
        "print([m for m in ('torch', 'monai', 'monailabel', 'SimpleITK', 'sqlalchemy', 'matplotlib', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_version(gliolabel: Callable) -> None:
    assert gliolabel("--version").out == f"gliolabel {__version__}\n"


def test_unknown_command_and_option_are_bad_input(gliolabel: Callable) -> None:
    assert gliolabel("no-such-command").code == 2
    assert gliolabel("doctor", "--no-such-option").code == 2


@pytest.mark.parametrize(
    ("error", "code"),
    [(InputError("this file"), 2), (UnknownError("this name"), 2), (UnavailableError("this disk"), 1), (GlioLabelError("this"), 1)],
)
def test_errors_become_a_message_and_a_code(gliolabel: Callable, monkeypatch: pytest.MonkeyPatch, error: GlioLabelError, code: int) -> None:
    def fail(**options: object) -> None:
        raise error

    monkeypatch.setattr("gliolabel.cli.doctor.run_checks", fail)
    answer = gliolabel("doctor")
    assert answer.code == code
    assert f"Error: {error}" in answer.err
    assert "Traceback" not in answer.err
    assert answer.out == ""


def test_a_programming_error_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**options: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("gliolabel.cli.doctor.run_checks", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        app_module.main(["doctor"])


def test_state_must_be_a_folder(gliolabel: Callable, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    answer = gliolabel("--state", file, "recipes")
    assert answer.code == 2
    assert str(file) in answer.err


def test_the_state_variable_is_the_servers() -> None:
    assert STATE_VARIABLE == ENVIRONMENT


def test_state_path_takes_none_one_or_lists_several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "data-home" / "gliolabel"
    assert state_path() is None
    (root / "a").mkdir(parents=True)
    (root / "a" / "about.json").write_text('{"studies": "/data/a"}')
    assert state_path() == root / "a"
    (root / "b").mkdir()
    (root / "b" / "about.json").write_text('{"studies": "/data/b"}')
    with pytest.raises(InputError, match=r"(?s)2 state folders.*/data/a.*/data/b"):
        state_path()
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "named"))
    assert state_path() == tmp_path / "named"
