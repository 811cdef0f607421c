"""The published page says what was measured."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from gliolabel.selection_study import sentences

DOCS = Path(__file__).resolve().parents[2] / "docs"
MEASURED = DOCS / "benchmark" / "measured-selection.json"


def test_the_page_is_what_the_script_makes_of_the_measurement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location("make_selection_page", DOCS / "benchmark" / "make_selection_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "PAGE", tmp_path / "selection.md")
    monkeypatch.setattr(module, "CHART", tmp_path / "selection.svg")
    monkeypatch.setattr(sys, "argv", ["make_selection_page.py", str(MEASURED)])
    assert module.main() == 0
    page = (DOCS / "reference" / "selection.md").read_text()
    assert (tmp_path / "selection.md").read_text() == page
    assert (tmp_path / "selection.svg").read_bytes().startswith(b"<?xml")
    for sentence in sentences(json.loads(MEASURED.read_text())["found"]):
        assert sentence in page


def test_the_measurement_holds_what_was_asked_for() -> None:
    """Whole, with at least five repetitions and three budgets; no locked case among those that were trained on."""
    measured = json.loads(MEASURED.read_text())
    assert measured["design"]["seeds"] >= 5
    assert len(measured["design"]["budgets"]) >= 3
    assert len(measured["trainings"]) == measured["design"]["seeds"] * (2 + 3 * (len(measured["design"]["budgets"]) - 1))
    for one in measured["trainings"]:
        assert set(one["labelled"]).isdisjoint(one["dice"])
        assert len(one["dice"]) == measured["data"]["locked"]
