"""Looking through a study folder: names and sizes only, no file but small JSON is opened."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gliolabel.errors import InputError
from gliolabel.studies.files import split_extension
from gliolabel.studies.names import ParsedName, is_output, parse_stem
from gliolabel.studies.numbering import Numbering
from gliolabel.studies.record import RECORD_NAME, Record, read_record

#: MONAI Label's datastore keeps its labels in this folder of the study folder, beside its index ``datastore_v2.json``.
_DATASTORE_LABELS: Final[str] = "labels"
_DATASTORE_FILES: Final[frozenset[str]] = frozenset((_DATASTORE_LABELS, "datastore_v2.json"))

MSD_DESCRIPTION: Final[str] = "dataset.json"
MSD_IMAGES: Final[tuple[str, ...]] = ("imagesTr", "imagesTs")
_MSD_FOLDERS: Final[frozenset[str]] = frozenset((*MSD_IMAGES, "labelsTr", "labelsTs"))


@dataclass(frozen=True)
class FoundFile:
    """A volume file whose name says what it is.

    Args:
        path: the file.
        folder: the case folder, relative to the study folder with ``/``; ``""`` for the study folder itself.
        name: what its name says.
        numbering: how labels here are numbered, if a record says so.
        empty: the file has 0 bytes.
    """

    path: Path
    folder: str
    name: ParsedName
    numbering: Numbering | None
    empty: bool


@dataclass
class Walk:
    """What was found below a study folder, in an order that depends on the names alone.

    Args:
        files: volume files whose names say what they are.
        msd: folders with ``dataset.json`` and ``imagesTr`` or ``imagesTs``, relative to the study folder.
        unknown: volume files whose names say nothing.
        failures: what could not be looked at, and why.
        nothing: the study folder is empty, but for hidden files and what MONAI Label itself puts there.
    """

    files: list[FoundFile] = field(default_factory=list)
    msd: list[str] = field(default_factory=list)
    unknown: list[Path] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    nothing: bool = False


def walk(root: Path) -> Walk:
    """Look through ``root`` at any depth, links included (each folder once)."""
    found = Walk()
    seen: set[tuple[int, int]] = set()
    pending: list[tuple[str, Record]] = [("", Record())]
    while pending:
        folder, record = pending.pop()
        here = os.path.join(root, folder) if folder else str(root)
        try:
            status = os.stat(here)
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(here) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            found.failures.append(f"{here}: cannot be looked at ({error.strerror or error})")
            continue
        names = {entry.name for entry in entries}
        if folder == "":
            found.nothing = all(name.startswith(".") or name in _DATASTORE_FILES for name in names)
        if RECORD_NAME in names:
            try:
                record = read_record(Path(here, RECORD_NAME))
            except InputError as error:
                found.failures.append(str(error))
        if record.results:
            continue
        is_msd = MSD_DESCRIPTION in names and not names.isdisjoint(MSD_IMAGES)
        if is_msd:
            found.msd.append(folder)
        folders: list[str] = []
        for entry in entries:
            if entry.name.startswith("."):
                continue
            try:
                if entry.is_dir():
                    if not ((folder == "" and entry.name == _DATASTORE_LABELS) or (is_msd and entry.name in _MSD_FOLDERS)):
                        folders.append(f"{folder}/{entry.name}" if folder else entry.name)
                elif (parts := split_extension(entry.name)) is not None:
                    _file(found, entry, parts[0], folder=folder, record=record)
            except OSError as error:
                found.failures.append(f"{entry.path}: cannot be looked at ({error.strerror or error})")
        pending.extend((one, record) for one in reversed(folders))
    return found


def _file(found: Walk, entry: os.DirEntry[str], stem: str, *, folder: str, record: Record) -> None:
    name = parse_stem(stem)
    path = Path(entry.path)
    if name is not None:
        empty = entry.stat().st_size == 0
        found.files.append(FoundFile(path, _case_folder(folder), name, record.numbering, empty))
    elif not is_output(stem):
        found.unknown.append(path)


def _case_folder(folder: str) -> str:
    """Some archives unpack to ``x_t1.nii/x_t1.nii``: a folder named like a volume belongs to the folder around it."""
    parts = folder.split("/")
    while parts and split_extension(parts[-1]) is not None:
        parts.pop()
    return "/".join(parts)
