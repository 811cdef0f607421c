"""The extension's files fit together, and fit the Python and the words of the oldest Slicer and of the server."""

from __future__ import annotations

import ast
import doctest
import importlib
import re
import struct
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from tests.slicer_extension.conftest import EXTENSION, MODULE

from gliolabel.vocabulary import LABEL_COLOURS, LABELS, REFERENCE_ORDER, REGIONS, RESEARCH_NOTICE

FILES = sorted(EXTENSION.rglob("*.py"))
#: What Slicer brings, beside Python's own modules.
BROUGHT = {"slicer", "vtk", "qt", "ctk", "numpy"}
#: Modules of the library that need nothing of Slicer.
PURE = ("words", "places", "changes", "training", "multipart", "client", "server", "jobs", "stages")
ROOT = EXTENSION.parents[1]


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.name)
def test_every_file_is_python_3_9(file: Path) -> None:
    ast.parse(file.read_text(encoding="utf-8"), filename=str(file), feature_version=(3, 9))


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.name)
def test_nothing_is_imported_that_slicer_does_not_bring(file: Path) -> None:
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(str(node.module).split(".")[0])
    assert found <= BROUGHT | {"GlioLabelLib"} | set(sys.stdlib_module_names)


def test_annotations_are_not_evaluated() -> None:
    """So that new notation in them harms no old Python."""
    for file in FILES:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        annotated = any(isinstance(node, ast.AnnAssign) or (isinstance(node, ast.arg) and node.annotation) for node in ast.walk(tree))
        assert not annotated or "from __future__ import annotations" in file.read_text(encoding="utf-8"), file.name


@pytest.mark.parametrize("name", PURE)
def test_examples_and_no_slicer(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(MODULE))
    module = importlib.import_module(f"GlioLabelLib.{name}")
    assert doctest.testmod(module).failed == 0
    assert "slicer" not in sys.modules


def test_the_words_are_the_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(MODULE))
    words = importlib.import_module("GlioLabelLib.words")
    assert {tissue.name: tissue.value for tissue in words.TISSUES} == dict(LABELS)
    assert {tissue.name: "#" + "".join(f"{round(255 * part):02X}" for part in tissue.color) for tissue in words.TISSUES} == dict(
        LABEL_COLOURS
    )
    assert dict(REGIONS) == words.REGIONS
    assert set(words.SEQUENCE_NAMES) == set(REFERENCE_ORDER)
    assert words.NOTICE == RESEARCH_NOTICE


def test_cmake_names_every_file() -> None:
    text = (MODULE / "CMakeLists.txt").read_text(encoding="utf-8").replace("${MODULE_NAME}", "GlioLabel")
    there = {str(path.relative_to(MODULE)) for path in MODULE.rglob("*") if path.suffix in (".py", ".ui", ".png")}
    assert set(re.findall(r"^  ([\w/]+\.(?:py|ui|png))$", text, re.MULTILINE)) == there
    top = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    assert 'set(EXTENSION_DEPENDS "MONAILabel")' in top
    assert f"add_subdirectory({MODULE.relative_to(ROOT)})" in top


def test_every_widget_that_the_code_names_is_in_the_panel_and_the_other_way_round() -> None:
    named = {widget.get("name") for widget in ET.parse(MODULE / "Resources" / "UI" / "GlioLabel.ui").iter("widget")}
    code = (MODULE / "GlioLabel.py").read_text() + (MODULE / "GlioLabelLib" / "panel.py").read_text()
    used = set(re.findall(r"\bui\.(\w+)", code)) | set(re.findall(r'"(\w+Section)"', code))
    stages = ("server", "case", "mask", "map", "places", "changes", "submit", "training")
    assert used <= {name for name in named if name}
    silent = {"GlioLabel", "passesTitle", "modelTitle", "legendLowLabel", "trainerTitle", "epochsTitle"}
    assert named - used - {f"{stage}StatusLabel" for stage in stages} == silent


def test_every_button_and_choice_says_what_it_does() -> None:
    root = ET.parse(MODULE / "Resources" / "UI" / "GlioLabel.ui")
    kinds = ("QPushButton", "QComboBox", "QSlider", "QCheckBox", "QSpinBox")
    for widget in root.iter("widget"):
        if widget.get("class") in kinds:
            tips = [prop.findtext("string") for prop in widget.findall("property") if prop.get("name") == "toolTip"]
            assert tips, widget.get("name")
            assert tips[0], widget.get("name")


def test_the_icon_is_a_picture() -> None:
    content = (MODULE / "Resources" / "Icons" / "GlioLabel.png").read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", content[16:24]) == (128, 128)


@pytest.mark.slow
def test_a_python_3_9_imports_what_needs_no_slicer(tmp_path: Path) -> None:
    """The real thing, where there is one."""
    candidates = ["python3.9", *map(str, Path.home().glob(".pyenv/versions/3.9*/bin/python"))]

    code = "import sys; sys.path.insert(0, sys.argv[1])\nfor name in sys.argv[2:]: __import__('GlioLabelLib.' + name)"
    names = [name for name in PURE if name != "changes"]  # numpy need not be there
    for python in candidates:
        try:
            version = subprocess.run([python, "-c", "import sys; print(sys.version_info[:2])"], capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        if version.stdout.strip() == "(3, 9)":
            subprocess.run([python, "-B", "-c", code, str(MODULE), *names], check=True)
            return
    pytest.skip("no Python 3.9 here")
