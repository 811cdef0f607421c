"""A copy of a state folder at one moment, made while a server and a training may be using it."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gliolabel.errors import InputError, UnavailableError
from gliolabel.state.files import delete, file_sha256
from gliolabel.state.folder import StateFolder
from gliolabel.state.named_files import hidden_name

#: What can be made again, or belongs to requests that are under way.
_LEFT_OUT: Final = frozenset({"cache", "sessions", "models/cache"})
#: Parts of a sqlite database that are not copied as files, and locks.
_NOT_FILES: Final = ("-wal", "-shm", "-journal", ".lock")
_MODELS_DATABASE: Final = "models/mlflow.db"


@dataclass(frozen=True)
class Backup:
    """What a backup holds.

    Args:
        path: the folder, itself a state folder.
        labels: label files, each compared with its checksum.
        files: all files.
        size: bytes of all files.
    """

    path: Path
    labels: int
    files: int
    size: int


def back_up(folder: StateFolder, target: Path) -> Backup:
    """Copy a state folder.

    The order makes the copy consistent. First the small files that say which model versions there are, then the databases through sqlite's
    own backup (a copy of the file alone would miss what is in the write-ahead log), then everything that they name: label files are on the
    disk before their row is committed and are never changed. What comes in meanwhile is not in the copy, or not named in it.

    Args:
        folder: the state folder. Nothing may be changing its model versions: hold the registry's lock.
        target: a folder that is not there yet.

    Returns:
        What was copied.

    Raises:
        InputError: there is no such state folder, the target exists, or one lies in the other.
        UnavailableError: the target cannot be written, or a label's file is not what its row says. Nothing is left at the target.
    """
    source, target = folder.path.resolve(), target.absolute()
    if not folder.database.is_file():
        raise InputError(
            f"{source} has no {folder.database.name}: it is no state folder, or its database lies elsewhere (--conf database). Back "
            "that up by its own means first, and copy the folder afterwards."
        )
    if target.exists():
        raise InputError(f"{target} exists already. Name a folder that does not: every backup gets one of its own.")
    if target.is_relative_to(source) or source.is_relative_to(target):
        raise InputError(f"{target}: a backup within the state folder, or around it, is none. Name another place.")
    part = target.with_name(f".{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True, mode=0o700)
        _copy_small_files(source, part)
        for name in (folder.database.name, _MODELS_DATABASE):
            _copy_database(source / name, part / name)
        _copy_files(source, part)
        labels = _check_labels(source, part, part / folder.database.name)
        part.rename(target)
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        raise UnavailableError(f"The backup {target} cannot be written ({error.strerror or error}). Nothing was left there.") from error
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    sizes = [path.stat().st_size for path in target.rglob("*") if path.is_file()]
    return Backup(target, labels=labels, files=len(sizes), size=sum(sizes))


def _copy_small_files(source: Path, target: Path) -> None:
    for path in [*source.glob("*.json"), *(source / "models").glob("*.json")]:
        copy = target / path.relative_to(source)
        copy.parent.mkdir(exist_ok=True)
        shutil.copy2(path, copy)


def _copy_database(source: Path, target: Path) -> None:
    if not source.is_file():
        return
    target.parent.mkdir(exist_ok=True)
    try:
        with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(target)) as copy:
            live.backup(copy)
            (answer,) = copy.execute("PRAGMA quick_check").fetchone()
    except sqlite3.Error as error:
        raise UnavailableError(f"The database {source} cannot be copied: {error}.") from error
    if answer != "ok":
        raise UnavailableError(f"The database {source} is damaged: {answer}. Restore an earlier backup.")


def _copy_files(source: Path, target: Path) -> None:
    for path in _files(source):
        copy = target / path.relative_to(source)
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            try:
                shutil.copy2(path, copy)
            except FileNotFoundError:  # replaced or cleared away just now; a label that is named is looked for again
                continue


def _files(source: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(source):
        here = Path(place).relative_to(source)
        folders[:] = [name for name in folders if (here / name).as_posix() not in _LEFT_OUT]
        for name in names:
            if name != "lock" and not name.endswith(_NOT_FILES):
                yield Path(place, name)


def _check_labels(source: Path, target: Path, database: Path) -> int:
    """See that every label and upload that the copied database names is in the copy, and what it was.

    Raises:
        UnavailableError: one is not.
    """
    with closing(sqlite3.connect(database)) as copy:
        labels = copy.execute("SELECT path, sha256 FROM label_versions WHERE path IS NOT NULL").fetchall()
        uploads = copy.execute("SELECT path, NULL FROM uploads").fetchall()
    for name, sha256 in {*labels, *uploads}:
        path = target / name
        if not path.exists() and not hidden_name(path).exists():
            _fetch(source / name, path)
        found = path if path.exists() else hidden_name(path)
        if not found.exists() or (sha256 is not None and file_sha256(found) != sha256):
            raise UnavailableError(
                f"{source / name} is not what the database says: missing or changed. If an upload was removed just now, try again; "
                "otherwise restore the file from an earlier backup."
            )
    return len({name for name, _ in labels})


def _fetch(source: Path, target: Path) -> None:
    """Copy a file that got its own name while its folder was being read."""
    target.parent.mkdir(parents=True, exist_ok=True)
    for path in (source, hidden_name(source)):
        try:
            shutil.copy2(path, target)
            return
        except FileNotFoundError:
            delete(target)
