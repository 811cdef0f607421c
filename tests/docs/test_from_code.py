"""What the site says from the code: every name is there, and the page for operators knows every key."""

from __future__ import annotations

import doctest
import importlib
import re
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest
from pydantic import BaseModel, Field
from tests.docs.blocks import ROOT

from gliolabel.labelserver.configuration import Configuration

FROM_CODE = ROOT / "docs" / "from_code"


class Silent(BaseModel):
    """Of one field nothing is said."""

    #: How many.
    count: int = Field(default=3, ge=1)
    other: str = ""


@pytest.fixture(scope="module", autouse=True)
def _importable() -> Iterator[None]:
    sys.path.insert(0, str(FROM_CODE))
    yield
    sys.path.remove(str(FROM_CODE))


def module(name: str) -> ModuleType:
    return importlib.import_module(name)


@pytest.mark.parametrize("name", ["fields", "python_names"])
def test_examples_in_docstrings(name: str) -> None:
    result = doctest.testmod(module(name))
    assert result.attempted > 0
    assert result.failed == 0


def test_a_field_without_words_stops_the_build() -> None:
    fields = module("fields")
    with pytest.raises(ValueError, match=r"Silent\.other"):
        fields.field_table(Silent)
    assert "| `count` | whole number, at least 1 | `3` | How many. |" in fields.field_table(Silent, speaking=True)


def test_every_command_is_on_its_page() -> None:
    from gliolabel.cli.app import app

    text = module("command_line").command_line()
    names = {command.name for command in app.registered_commands} | {group.name for group in app.registered_groups}
    assert all(f"## `gliolabel {name}`" in text for name in names)


def test_every_public_name_is_on_its_page() -> None:
    names = module("python_names")
    text = names.python_names()
    for package in names.PACKAGES:
        for name in names.public_names(importlib.import_module(f"gliolabel.{package}")):
            assert f"### {name} {{#{package}-{name}}}".lower() in text.lower()


def test_every_key_of_conf_is_explained_to_operators() -> None:
    page = (ROOT / "docs" / "how-to" / "run-the-server.md").read_text(encoding="utf-8")
    table = page.split("## Options of this app")[1].split("\n## ")[0]
    names = {field.alias or name for name, field in Configuration.model_fields.items()}
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == names


def test_every_place_in_a_page_has_a_text() -> None:
    written = (FROM_CODE / "write_texts.py").read_text(encoding="utf-8")
    for page in (ROOT / "docs").rglob("*.md"):
        for name in re.findall(r"<!-- from code: (\w+) -->", page.read_text(encoding="utf-8")):
            assert f'"{name}":' in written, f"{page.name} asks for {name}"
