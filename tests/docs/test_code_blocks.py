"""What stands in the documentation as code is code: commands parse, files are valid, Python runs, quotations are verbatim."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
import yaml
from tests.docs.blocks import ALL, PAGES, ROOT, Block, inline_commands
from tests.docs.parsing import check_gliolabel, check_mention, check_monailabel, words_of

LANGUAGES = {"bash", "python", "yaml", "json", "text"}
#: Commands that no test can run, each with a reason above it. More of them need a better reason than a test that is missing.
MOST_NOT_RUN = 45


def of(language: str) -> list[Block]:
    return [block for block in ALL if block.language == language]


def test_every_block_says_its_language() -> None:
    wrong = [f"{block}: {block.language or 'nothing'}" for block in ALL if block.language not in LANGUAGES]
    assert not wrong, f"expected ``` and one of {', '.join(sorted(LANGUAGES))}: {wrong}"


def test_what_is_not_run_is_counted() -> None:
    not_run = [block for block in ALL if block.mark == "not run"]
    assert all(len(block.reason) > 8 for block in not_run)
    assert len(not_run) <= MOST_NOT_RUN, "\n".join(f"{block}: {block.reason}" for block in not_run)
    assert len([block for block in of("bash") if block.mark != "not run"]) > 25


@pytest.mark.parametrize("block", [*of("bash"), *of("text")], ids=str)
def test_commands_are_ones_that_there_are(block: Block) -> None:
    for command in block.commands():
        for part in re.split(r"&& |; ", command):
            if part.startswith("gliolabel "):
                check_gliolabel(words_of(part))
            elif part.startswith("monailabel "):
                check_monailabel(words_of(part))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_in_running_text_are_ones_that_there_are(page: Path) -> None:
    for command in inline_commands(page):
        check_mention(words_of(command.replace("[", "").replace("]", "").replace("...", "")))


@pytest.mark.parametrize("block", [*of("yaml"), *of("json")], ids=str)
def test_files_are_valid(block: Block) -> None:
    assert yaml.safe_load(block.text) if block.language == "yaml" else json.loads(block.text)


@pytest.mark.parametrize("page", sorted({block.page for block in of("python")}))
def test_python_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page's blocks in order, in a folder with the page's files. Those that are slow or need more are compiled."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    modules = set(sys.modules)
    names: dict[str, object] = {}
    try:
        for block in [block for block in ALL if block.page == page]:
            if block.mark == "file":
                (tmp_path / block.reason).write_text(block.text)
            if block.language == "python" and block.mark != "quoted from":
                code = compile(block.text, str(block), "exec")
                if block.mark in ("", "file"):
                    exec(code, names)
    finally:
        for name in set(sys.modules) - modules:
            if getattr(sys.modules[name], "__file__", "") and Path(str(sys.modules[name].__file__)).is_relative_to(tmp_path):
                del sys.modules[name]


@pytest.mark.parametrize("block", [block for block in ALL if block.mark == "quoted from"], ids=str)
def test_quotations_are_verbatim(block: Block) -> None:
    there = "".join((ROOT / block.reason).read_text(encoding="utf-8").split())
    for line in block.text.splitlines():
        # What the page leaves out: `...` is anything. Lines may be broken elsewhere.
        for piece in line.split("..."):
            piece = "".join(piece.split()).strip(",()")
            assert piece in there, f"{block.reason} has no {piece!r}"
