"""Links lead somewhere, to the very heading; the site and the pages load nothing from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from markdown.extensions.toc import slugify
from tests.docs.blocks import ROOT

#: Pages that are read in the repository, where MkDocs checks nothing.
OUTSIDE = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", ROOT / "sample-apps/lgg_flair/README.md"]
_LINK = re.compile(r"\]\((?!https?://|mailto:)([^)\s#]*)(#[^)\s]+)?\)")


def headings(path: Path) -> set[str]:
    """The anchors of a page."""
    found = set()
    for heading in re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL), re.MULTILINE):
        named = re.search(r"\{#([\w-]+)\}", heading)
        found.add(named[1] if named else slugify(re.sub(r"[`*]", "", heading), "-"))
    return found


@pytest.mark.parametrize("page", OUTSIDE, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_between_repository_and_documentation(page: Path) -> None:
    for target, anchor in _LINK.findall(page.read_text(encoding="utf-8")):
        there = (page.parent / target).resolve() if target else page
        assert there.exists(), f"{page.name} links to {target}"
        if anchor and there.suffix == ".md":
            assert anchor[1:] in headings(there), f"{target} has no heading {anchor}"


def test_pages_name_files_of_the_repository_that_are_there() -> None:
    """`tests/...`, `docs/...`, `apps/...` in running text."""
    for page in [*OUTSIDE, *(ROOT / "docs").rglob("*.md")]:
        text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        for name in re.findall(r"`((?:tests|docs|apps|sample-apps|constraints|\.ci)/[\w./-]+)`", text):
            if "NAME" not in name and name != "docs/README.md":  # that one lies in an exported bundle
                assert (ROOT / name).exists(), f"{page.relative_to(ROOT)} names {name}"


def test_ci_builds_the_site_strictly() -> None:
    """MkDocs counts only warnings that it says: with --quiet, --strict passes everything."""
    build = next(line for line in (ROOT / ".ci" / "run").read_text().splitlines() if "mkdocs build" in line)
    assert "--strict" in build
    assert "--quiet" not in build
    assert "-q" not in build.split()


@pytest.mark.slow
def test_the_site_loads_nothing_from_other_servers(tmp_path: Path) -> None:
    """Strictly built, and then read: scripts, styles, pictures and fonts come from the site itself."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) > 40
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert not re.findall(r"<(?:script|img|iframe|source)[^>]+src=\"?(?:https?:)?//[^\" >]+", text), page
        assert not re.findall(r"<link[^>]+rel=\"?(?:stylesheet|preconnect|icon)[^>]+href=\"?(?:https?:)?//[^\" >]+", text), page
        assert "from code:" not in text, f"{page} has a place that nothing filled"
        assert "mermaid" not in re.sub(r"<(script|code).*?</\1>", "", text, flags=re.DOTALL), page
    options = (tmp_path / "site" / "reference" / "options" / "index.html").read_text(encoding="utf-8")
    assert all(f"<code>{name}</code>" in options for name in ("trusted_proxies", "retrain_after", "mutual_information", "spacing"))
    commands = (tmp_path / "site" / "reference" / "command-line" / "index.html").read_text(encoding="utf-8")
    assert all(name in commands for name in ("gliolabel models rollback", "gliolabel backup", "--check-map"))
    routes = (tmp_path / "site" / "reference" / "rest" / "index.html").read_text(encoding="utf-8")
    assert all(name in routes for name in ("GET /healthz", "POST /infer/{model}", "monailabel-annotator"))
