"""Names and checksums of files in the state folder, and writing them for good."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import re
import threading
from collections.abc import Callable
from pathlib import Path

from gliolabel.errors import UnavailableError

_LOG = logging.getLogger(__name__)

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}\Z")
_STEM_LENGTH = 48


def file_stem(name: str) -> str:
    """A file name stem that stands for ``name`` alone: itself when it is plain, else its plain part and a hash of all of it.

    Names that differ only in upper and lower case get different stems, since not every file system tells them apart.
    """
    digest = hashlib.sha256(name.encode()).hexdigest()[:10]
    if _PLAIN.match(name) and not name.endswith("."):
        return name if name == name.lower() else f"{name}-{digest[:6]}"
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_")[:_STEM_LENGTH] or "volume"
    return f"{plain}-{digest}"


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_for_good(path: Path, write: Callable[[Path], object]) -> str:
    """Let ``write`` make the new file ``path``, see it on the disk, and return its SHA-256.

    A row that names the file may be committed afterwards: the file will be there after a power cut.

    Args:
        path: must not exist yet.
        write: makes the file at the path it is given, atomically or not.

    Raises:
        UnavailableError: the disk is full or cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path)
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        _sync_folder(path.parent)
        return file_sha256(path)
    except BaseException as error:
        delete(path)
        if isinstance(error, OSError):
            reason = error.strerror or error
            raise UnavailableError(f"{path.name} cannot be stored in {path.parent} ({reason}). Nothing was stored.") from error
        if isinstance(error, UnavailableError):
            raise UnavailableError(f"{error} Nothing was stored.") from error
        raise


def delete(path: Path) -> None:
    """Delete a file that is of no use any more; one that cannot be deleted now does no harm."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:  # the disk can only be read; Windows: somebody reads the file
        _LOG.debug("%s was left behind: %s", path, error)


def replace_text(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Put a small text file in place of another, whole or not at all, also at a power cut.

    Args:
        path: the file; its folder is made when it is missing.
        text: what it will hold.
        mode: who may read and write it.

    Raises:
        UnavailableError: the disk is full or cannot be written. The old file is as it was.
    """
    temporary = path.with_name(f"{_temporary(path)}{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise UnavailableError(f"{path} cannot be written ({error.strerror or error}). It is as it was before.") from error
    finally:
        delete(temporary)


def delete_temporaries(path: Path) -> None:
    """Delete what a process that was killed in :func:`replace_text` left. To be called when no process is in there for this file."""
    with contextlib.suppress(OSError):  # there is no such folder, or it cannot be read
        for left in path.parent.iterdir():
            if left.name.startswith(_temporary(path)):
                delete(left)


def _temporary(path: Path) -> str:
    return f".{path.name}-"


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows cannot open a folder, and does not need it
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
