"""Checksums of files, each file read once."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from gliolabel.errors import InputError, UnavailableError


class Digests:
    """SHA-256 of files; a file that several cases share (4-D files) is read once."""

    def __init__(self) -> None:
        self._known: dict[Path, str] = {}

    def of(self, path: Path) -> str:
        """SHA-256 of a file's bytes, hexadecimal.

        Raises:
            InputError: it cannot be read.
        """
        if path not in self._known:
            try:
                with path.open("rb") as stream:
                    self._known[path] = hashlib.file_digest(stream, "sha256").hexdigest()
            except OSError as error:
                raise InputError(f"file {path}: cannot be read ({error.strerror or error})") from error
        return self._known[path]


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` make a file beside ``path``, then put it in its place: readers see the old file or the new one.

    Raises:
        UnavailableError: the disk is full or cannot be written.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
        os.close(handle)
        temporary = Path(name)
        write(temporary)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        raise UnavailableError(f"{path}: cannot be written ({error.strerror or error}). What was finished before is kept.") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
