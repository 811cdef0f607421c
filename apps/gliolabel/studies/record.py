"""The record in a folder that this software wrote: ``gliolabel.json``.

It says what the folder is, so that its files are never taken for something else::

    {"folder": "studies", "labels": "gliolabel"}     cases, labels numbered 1 necrosis, 2 edema, 3 enhancing tumor
    {"folder": "results"}                            masks and maps: not cases, passed over when a study folder is listed
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gliolabel.errors import InputError
from gliolabel.studies.numbering import Numbering, numbering_named

RECORD_NAME: Final[str] = "gliolabel.json"


@dataclass(frozen=True)
class Record:
    """What a folder says about itself.

    Args:
        results: the folder holds results, not cases.
        numbering: how the labels in it are numbered, if it says so.
    """

    results: bool = False
    numbering: Numbering | None = None


def write_record(folder: Path, *, results: bool = False, labels: str | None = None) -> Path:
    """Say what ``folder`` is.

    Args:
        folder: an existing folder.
        results: it holds results, not cases.
        labels: name of the numbering of the labels in it, see :data:`gliolabel.studies.numbering.NUMBERINGS`.

    Returns:
        Path of the record.

    Raises:
        InputError: ``labels`` is not a numbering that is known.
    """
    content = {"folder": "results" if results else "studies"}
    if labels is not None:
        content["labels"] = numbering_named(labels).name
    path = folder / RECORD_NAME
    temporary = path.with_name(f".{RECORD_NAME}.{os.getpid()}")
    temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    os.replace(temporary, path)
    return path


def read_record(path: Path) -> Record:
    """Read a record.

    Raises:
        InputError: it is not JSON, or says something unknown.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({error})") from error
    if not isinstance(content, dict) or content.get("folder") not in ("studies", "results"):
        raise InputError(f'{path}: expected {{"folder": "studies"}} or {{"folder": "results"}}')
    labels = content.get("labels")
    if labels is not None and not isinstance(labels, str):
        raise InputError(f"{path}: labels is {labels!r}, expected the name of a numbering")
    return Record(content["folder"] == "results", None if labels is None else numbering_named(labels))
