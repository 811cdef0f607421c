"""The panel as a picture: its own .ui file, drawn by Qt with what the widgets held."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from harness.remote import Desk
from tests.labelserver.conftest import Server

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
PYTHON = os.environ.get("GLIOLABEL_UI_PYTHON") or (sys.executable if importlib.util.find_spec("PySide6") else "")


@pytest.mark.skipif(not PYTHON, reason="no PySide6 here; $GLIOLABEL_UI_PYTHON may name a Python that has it")
def test_every_section_is_in_the_picture_and_an_error_is_red(server: Server, open_desk: Callable[..., Desk], tmp_path: Path) -> None:
    desk = open_desk("painter", server.url)
    pictures = []
    for step in ("empty", "error"):
        if step == "error":
            desk.type("serverLineEdit", "http://127.0.0.1:9")
            desk.press("connectButton")
            desk.wait()
        looks, target = tmp_path / f"{step}.json", tmp_path / f"{step}.png"
        looks.write_text(json.dumps(desk.looks()))
        subprocess.run([PYTHON, str(ROOT / "docs" / "pictures" / "render_panel.py"), str(looks), str(target)], check=True)
        pictures.append(matplotlib.image.imread(target)[..., :3])
    for picture in pictures:
        assert picture.shape[1] == 420
        assert picture.shape[0] > 700, "sections are missing"
    red = [((p[..., 0] > 0.6) & (p[..., 1] < 0.4) & (p[..., 2] < 0.4)).sum() for p in pictures]
    assert red[1] > red[0] + 200
    assert np.abs(pictures[0][:40] - pictures[1][:40]).max() > 0.1
