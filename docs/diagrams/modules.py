"""The diagram of the packages, from the imports that there are.

python docs/diagrams/modules.py            # write modules.mmd; then draw it: docs/diagrams/draw
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import grimp

HERE: Final = Path(__file__).resolve().parent
ROOT_PACKAGE: Final = "gliolabel"
#: Colours by what a package is for. A package that is not named here has the first.
KINDS: Final = {
    "part": (),
    "outside": ("cli", "labelserver"),
    "learning": ("training", "selection", "selection_study", "registry", "evaluation"),
    "words": ("vocabulary", "errors", "hardware"),
}
_STYLES: Final = {"part": "#e8eef2", "outside": "#f4d9c6", "learning": "#dfe9d8", "words": "#eeeeee"}


def main() -> int:
    """Write the diagram."""
    (HERE / "modules.mmd").write_text(diagram(imports()), encoding="utf-8")
    return 0


def imports() -> set[tuple[str, str]]:
    """Which package imports which, directly."""
    graph = grimp.build_graph(ROOT_PACKAGE)
    found = set()
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            pair = _package(module), _package(imported)
            if pair[0] != pair[1] and all(pair):
                found.add(pair)
    return found


def reduced(edges: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Without the imports that follow from others: of a -> b -> c and a -> c, the last is left out. Two that import each other stay."""
    return {(a, b) for a, b in edges if b not in _reached(edges, a, without=(a, b))}


def diagram(edges: set[tuple[str, str]]) -> str:
    """The diagram as mermaid text."""
    packages = sorted({package for edge in edges for package in edge})
    lines = ["flowchart TB", *(f"    {a} --> {b}" for a, b in sorted(reduced(edges)))]
    for kind, colour in _STYLES.items():
        named = {name for names in KINDS.values() for name in names}
        members = [p for p in packages if p in KINDS[kind] or (kind == "part" and p not in named)]
        lines += [f"    classDef {kind} fill:{colour},stroke:#607d8b,color:#222", f"    class {','.join(members)} {kind}"]
    return "\n".join(lines) + "\n"


def _package(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def _reached(edges: set[tuple[str, str]], start: str, *, without: tuple[str, str]) -> set[str]:
    seen: set[str] = set()
    left = [b for a, b in edges if a == start and (a, b) != without]
    while left:
        here = left.pop()
        if here not in seen:
            seen.add(here)
            left += [b for a, b in edges if a == here and (a, b) != without]
    return seen


if __name__ == "__main__":
    sys.exit(main())
