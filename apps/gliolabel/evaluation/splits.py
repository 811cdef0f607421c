"""Cases of one part of a split, as a training wrote them into its ``split.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gliolabel.errors import InputError


def read_part(path: Path, part: str) -> list[str]:
    """The case ids of one part.

    Args:
        path: a JSON file ``{"train": [...], "validation": [...], "test": [...]}``; an entry is a case id, or a case id and a slice.
        part: one of its keys.

    Returns:
        Each case once, sorted.

    Raises:
        InputError: the file cannot be read, has no such part, the part is empty, or a case has slices in another part too.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"--splits {path}: cannot be read as JSON ({error}). Name the split.json of a training.") from error
    parts = {key: value for key, value in content.items() if isinstance(value, list)} if isinstance(content, dict) else {}
    if part not in parts:
        raise InputError(f"--part {part}: {path} has no such part; it has {', '.join(sorted(parts)) or 'none'}")
    cases = {name: {_case(entry, path) for entry in entries} for name, entries in parts.items()}
    if not cases[part]:
        raise InputError(f"--part {part}: is empty in {path}; choose another part")
    for other in sorted(set(cases) - {part}):
        both = sorted(cases[part] & cases[other])
        if both:
            raise InputError(
                f"--splits {path}: case {both[0]} lies in {part} and in {other} ({len(both)} such cases). It was divided by slice, so no "
                "case of it is new to the model. Divide by patient: `--set data.split.by=patient`."
            )
    return sorted(cases[part])


def _case(entry: Any, path: Path) -> str:
    if isinstance(entry, str):
        return entry
    if isinstance(entry, list) and entry and isinstance(entry[0], str):
        return entry[0]
    raise InputError(f"--splits {path}: {entry!r} is no case; expected an id, or an id and a slice number")
