"""Copies of our own source files that run without the package: the ones asked for, and all that they import."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

_PACKAGE = "gliolabel"


def copy_sources(modules: Iterable[str], folder: Path, *, package: str) -> list[Path]:
    """Copy modules of ours, and those of ours that they import, into a package of another name.

    Args:
        modules: names, e.g. ``gliolabel.networks.unet``.
        folder: the new package's folder, made when it is missing.
        package: the new package's name, e.g. ``scripts``.

    Returns:
        The files written.
    """
    todo, written = list(modules), {}
    while todo:
        name = todo.pop()
        target = folder.joinpath(*name.split(".")[1:]).with_suffix(".py")
        if target in written:
            continue
        source = Path(str(importlib.import_module(name).__file__)).read_text(encoding="utf-8")
        text, imported = _renamed(source, package=package)
        todo += imported
        written[target] = text
    for target, text in written.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    packages = {parent for target in written for parent in target.parents if parent.is_relative_to(folder)}
    for parent in packages:
        (parent / "__init__.py").touch()
    return [*written, *(parent / "__init__.py" for parent in packages)]


def _renamed(source: str, *, package: str) -> tuple[str, list[str]]:
    """The source with imports of ours from the new package, and the modules imported."""
    lines = source.splitlines(keepends=True)
    imported: list[str] = []
    # From the end, so that line numbers stay true.
    for node in sorted(ast.walk(ast.parse(source)), key=lambda node: -getattr(node, "lineno", 0)):
        if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith(f"{_PACKAGE}."):
            continue
        homes = [(alias, _home(str(node.module), alias.name)) for alias in node.names]
        imported += [home for _, home in homes]
        indent = " " * node.col_offset
        lines[node.lineno - 1 : node.end_lineno] = [
            f"{indent}from {package}{home.removeprefix(_PACKAGE)} import {ast.unparse(alias)}\n" for alias, home in homes
        ]
    return "".join(lines), imported


def _home(module: str, name: str) -> str:
    """The module in which a name is defined: packages pass on the names of their modules."""
    found = importlib.import_module(module)
    if not hasattr(found, "__path__"):
        return module
    value = getattr(found, name)
    return value.__name__ if isinstance(value, ModuleType) else str(value.__module__)
