"""The page of promises says of the soak what the committed result says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs" / "promises"


@pytest.mark.slow
def test_the_section_is_what_its_result_says() -> None:
    command = [sys.executable, str(DOCS / "make_soak_section.py"), str(DOCS / "measured-soak.json"), "--check"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
