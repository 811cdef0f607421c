"""What setup.cfg, the constraints, .ci/run, README and docs say about each other is true."""

from __future__ import annotations

import configparser
import itertools
import os
import re
import subprocess
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PYTHONS = ("3.11", "3.12")


def _setup() -> configparser.ConfigParser:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return config


def _requirements(*, text: str, python: str) -> list[Requirement]:
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    environment = {"python_version": python, "python_full_version": f"{python}.0", "extra": ""}
    parsed = [Requirement(line) for line in lines]
    return [requirement for requirement in parsed if requirement.marker is None or requirement.marker.evaluate(environment)]


@pytest.mark.parametrize("python", PYTHONS)
def test_the_tested_set_holds_every_dependency_in_a_version_that_setup_cfg_allows(python: str) -> None:
    lines = (ROOT / "constraints" / f"py{python.replace('.', '')}.txt").read_text().splitlines()
    pinned = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    pinned = {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in pinned.items()}
    config = _setup()
    for text in (config["options"]["install_requires"], *config["options.extras_require"].values()):
        for requirement in _requirements(text=text, python=python):
            version = pinned[re.sub(r"[-_.]+", "-", requirement.name).lower()]
            assert requirement.specifier.contains(Version(version)), f"{requirement}: {version}"


def test_every_pin_has_a_reason() -> None:
    lines = [line.strip() for line in _raw_section("install_requires")]
    for before, line in itertools.pairwise(lines):
        if re.search(r"==|<", line) and not line.startswith("#"):
            assert before.startswith("#"), f"{line} has no comment above it"


def _raw_section(key: str) -> list[str]:
    text = (ROOT / "setup.cfg").read_text(encoding="utf-8")
    return re.search(rf"^{key} =\n((?:[ \t]+.*\n)+)", text, re.MULTILINE)[1].splitlines()  # type: ignore[index]


def test_ci_runs_the_readmes_test_command() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    line = next(line for line in readme.splitlines() if ".[test]" in line)
    assert line.endswith("&& pytest")
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert re.search(r"^pytest \|\| status=", script, re.MULTILINE)
    assert script.rstrip().splitlines()[-1] == 'exit "$status"'


def test_ci_is_a_script_that_can_be_run() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", str(script)], check=True)


@pytest.mark.parametrize("document", ["README.md", *(str(p.relative_to(ROOT)) for p in sorted((ROOT / "docs").rglob("*.md")))])
def test_links_between_documents_lead_somewhere(document: str) -> None:
    path = ROOT / document
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)[^)]*\)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), f"{document} links to {target}"


def test_every_page_is_in_the_sites_navigation() -> None:
    import yaml

    def pages(entry: object) -> list[str]:
        if isinstance(entry, str):
            return [entry]
        parts = entry if isinstance(entry, list) else list(entry.values()) if isinstance(entry, dict) else []
        return [page for part in parts for page in pages(part)]

    named = set(pages(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]))
    there = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
    assert named <= there
    assert {page for page in there if not page.startswith("model-cards/")} <= named


def test_commands_in_the_readme_exist() -> None:
    from gliolabel.cli.app import app

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    known = {command.name for command in app.registered_commands} | {group.name for group in app.registered_groups}
    mentioned = set(re.findall(r"`gliolabel ([a-z]+)", readme))
    assert mentioned <= known
