"""After a crash the tests that had not passed run again, and only they."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TESTS = """
import os, signal

def test_passes():
    print("ran: passes")

def test_fails():
    print("ran: fails")
    assert os.path.exists("crashed")

def test_crashes():
    print("ran: crashes")
    if not os.path.exists("crashed"):
        open("crashed", "w").close()
        os.kill(os.getpid(), signal.SIGSEGV)
"""


def test_after_a_crash_what_had_not_passed_runs_again(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("from tests.finished import note_finished as pytest_configure\n")
    (tmp_path / "test_it.py").write_text(TESTS)
    root = Path(__file__).parents[1]
    env = os.environ | {"GLIOLABEL_TESTS_FINISHED": str(tmp_path / "finished"), "PYTHONPATH": os.pathsep.join([str(root), *sys.path])}
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)]
    first, second = (
        subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False) for _ in range(2)
    )
    assert first.returncode == -11, first.stdout
    assert second.returncode == 0, second.stdout
    assert [name for name in ("passes", "fails", "crashes") if f"ran: {name}" in second.stdout] == ["fails", "crashes"]
