"""The code blocks of the documentation, and what is said above them.

A comment directly above a block says how it is tested:

* ``<!-- not run: WHY -->``: it is only parsed
* ``<!-- slow: WHY -->``: it runs in the tests of the night
* ``<!-- file: NAME -->``: it is written to a file beside the blocks that follow
* ``<!-- quoted from: PATH -->``: its lines stand in that file of the repository; ``...`` stands for anything
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "sample-apps/lgg_flair/README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_MARK = re.compile(r"<!-- (not run|slow|file|quoted from): (.+) -->\Z")
_INLINE = re.compile(r"(?<!`)`(gliolabel (?:[^`])+)`(?!`)")


@dataclass(frozen=True)
class Block:
    """A block.

    Args:
        page: the file, relative to the repository.
        line: of its first fence.
        language: what the fence says; empty: nothing; ``indented``: it has no fence.
        text: its lines.
        mark: what kind of comment stands above it, or empty.
        reason: what the comment says.
    """

    page: str
    line: int
    language: str
    text: str
    mark: str
    reason: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    def commands(self) -> list[str]:
        """The lines of a shell block, continued ones joined, without comments; of a transcript those after ``$``."""
        joined = re.sub(r"\\\n\s*", " ", self.text)
        if self.language == "text":
            return [line.removeprefix("$ ") for line in joined.splitlines() if line.startswith("$ ")]
        lines = (re.sub(r"\s+#\s.*$", "", line).strip() for line in joined.splitlines())
        return [line for line in lines if line and not line.startswith("#")]


def blocks_of(path: Path) -> Iterator[Block]:
    """Every block of a page, in order."""
    page, lines = path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8").splitlines()
    number, blank = 0, True
    while number < len(lines):
        line = lines[number]
        if line.lstrip().startswith("```"):
            end = next(n for n in range(number + 1, len(lines)) if lines[n].strip() == "```")
            above = _MARK.match(lines[number - 1].strip()) if number else None
            mark, reason = (above[1], above[2]) if above else ("", "")
            text = "\n".join(lines[number + 1 : end]) + "\n"
            yield Block(page, number + 1, line.strip().removeprefix("```"), text, mark, reason)
            number, blank = end + 1, False
            continue
        if blank and line.startswith("    ") and line.strip():
            yield Block(page, number + 1, "indented", line, "", "")
        blank = not line.strip()
        number += 1


def inline_commands(path: Path) -> list[str]:
    """The commands in running text, as in: try `gliolabel doctor`."""
    return _INLINE.findall(path.read_text(encoding="utf-8"))


ALL = [block for page in PAGES for block in blocks_of(page)]
