"""The diagrams are what the code is, and the drawings what the diagrams are."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

DIAGRAMS = Path(__file__).resolve().parents[2] / "docs" / "diagrams"


@pytest.fixture(scope="module")
def modules() -> ModuleType:
    spec = importlib.util.spec_from_file_location("modules_diagram", DIAGRAMS / "modules.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_module_diagram_shows_the_imports(modules: ModuleType) -> None:
    text = (DIAGRAMS / "modules.mmd").read_text()
    advice = "python docs/diagrams/modules.py && docs/diagrams/draw"
    assert text == modules.diagram(modules.imports()), f"the imports have changed: {advice}"


def test_an_import_that_follows_from_others_is_left_out(modules: ModuleType) -> None:
    assert modules.reduced({("a", "b"), ("b", "c"), ("a", "c")}) == {("a", "b"), ("b", "c")}
    assert modules.reduced({("a", "b"), ("b", "a")}) == {("a", "b"), ("b", "a")}


@pytest.mark.parametrize("text", sorted(DIAGRAMS.glob("*.mmd")), ids=lambda path: path.stem)
def test_every_drawing_is_of_its_text(text: Path) -> None:
    drawing = text.with_suffix(".svg").read_text(encoding="utf-8")
    assert drawing.rstrip().endswith(f"<!-- {hashlib.sha256(text.read_bytes()).hexdigest()} -->"), "docs/diagrams/draw draws it anew"
    assert "<foreignObject" not in drawing  # would be empty where the drawing is an image
    assert "http" not in drawing.replace("http://www.w3.org", "")
