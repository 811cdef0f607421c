"""The page of raw clinical data says what was measured."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_says_what_was_measured() -> None:
    subprocess.run([sys.executable, str(ROOT / "docs" / "clinical" / "make_sections.py"), "--check"], check=True, timeout=120)
