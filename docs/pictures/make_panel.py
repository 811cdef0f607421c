"""Makes docs/pictures/panel-*.png: the GlioLabel module at a real server with the starter weights, on a synthetic case.

    python docs/pictures/make_panel.py

The module's own code runs on Slicer's core (the extra `test`). Drawing needs PySide6: of this Python, or of the one that
$GLIOLABEL_UI_PYTHON names.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "plugin"))

import numpy as np
from harness.remote import Desk
from live.server import Server

from gliolabel.phantoms import write_phantom_folder

PICTURES = Path(__file__).resolve().parent
ROOT = PICTURES.parents[1]
CLIENT = "Dr A"


def draw(looks: dict[str, Any], name: str) -> None:
    """Draw one picture of the panel."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "looks.json"
        file.write_text(json.dumps(looks))
        python = os.environ.get("GLIOLABEL_UI_PYTHON", sys.executable)
        subprocess.run([python, str(PICTURES / "render_panel.py"), str(file), str(PICTURES / name)], check=True)


def ball(shape: tuple[int, ...], center: np.ndarray, radius: float) -> np.ndarray:
    """What a click with the sphere brush paints, in voxels."""
    return np.asarray(((np.indices(shape) - center.reshape(3, 1, 1, 1)) ** 2).sum(axis=0) <= radius**2)


def open_panel(folder: Path, address: str) -> Desk:
    """The module at a server."""
    extension = ROOT / "tests" / "slicer_extension"
    desk = Desk(folder=folder, server=address, settings={"MONAILabel/clientId": CLIENT}, program="module_desk", paths=[extension])
    desk.enter()
    desk.wait()
    return desk


def draw_without_a_server(folder: Path) -> None:
    """The panel when nothing answers."""
    desk = open_panel(folder / "alone", "http://127.0.0.1:9")
    try:
        draw(desk.looks(), "panel-error.png")
    finally:
        desk.close()


def draw_a_case(folder: Path) -> None:
    """A reader's first steps, drawn on the way."""
    write_phantom_folder(folder / "studies", cases=2, seed=3)
    server = Server(studies=folder / "studies", folder=folder / "server", conf={"labels_in_folder": "ignore"})
    try:
        desk = open_panel(folder / "desk", server.url)
        try:
            desk.press("nextCaseButton")
            desk.wait()
            desk.press("segmentButton")
            desk.wait_for("mask", "Segmenting", seconds=60)
            draw(desk.looks(), "panel-busy.png")
            desk.wait(seconds=600)
            (enhancing,) = (segment["array"] for segment in desk.segments() if segment["name"] == "enhancing tumor")
            desk.paint("edema", ball(enhancing.shape, np.argwhere(enhancing).mean(axis=0) + np.array((0, 0, 14)), 9))
            for row in range(min(2, len(desk.rows("placesTable")))):
                desk.tick_row("placesTable", row, True)
            desk.rest(1.5)
            draw(desk.looks(), "panel-case.png")
        finally:
            desk.close()
    finally:
        server.stop()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        draw_without_a_server(Path(temporary))
        draw_a_case(Path(temporary))
