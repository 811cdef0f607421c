"""A file and the row that names it: both are stored or neither is, also when the process is killed in between.

The file is written under a hidden name, with a dot in front; the row is committed; then the file gets its own name. So a crash leaves at
worst a hidden file, and the row tells what it is: one that was stored, or one that never was. A file under its own name is never taken
for a remainder, so a database that was brought back from a backup costs no label.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gliolabel.errors import GlioLabelError, UnavailableError
from gliolabel.state.files import delete, write_for_good

_LOG = logging.getLogger(__name__)


@contextmanager
def named_file(path: Path, write: Callable[[Path], object], *, is_named: Callable[[], bool]) -> Iterator[str]:
    """Write a file; the block commits the row that names it, and calls :func:`require_written` before it does.

    Args:
        path: must not exist yet.
        write: makes the file at the path it is given.
        is_named: whether a row that was committed names the file. Asked when the block fails.

    Yields:
        SHA-256 of the file.

    Raises:
        UnavailableError: the disk is full or cannot be written; nothing was stored.
    """
    hidden = hidden_name(path)
    sha256 = write_for_good(hidden, write)
    try:
        yield sha256
    except BaseException:
        if not _perhaps(is_named):
            delete(hidden)
        raise
    show(path)


def require_written(path: Path) -> None:
    """See that the file is still there, within the transaction that commits its row: another process that starts clears remainders away.

    Raises:
        UnavailableError: it is not.
    """
    if not hidden_name(path).exists():
        raise UnavailableError(f"{path.name} was cleared away while it was being stored. Nothing was stored; try again.")


def show(path: Path) -> Path:
    """Give a file whose row is committed its own name, if it has not got it yet. Returns the name it has."""
    if path.exists():
        return path
    hidden = hidden_name(path)
    try:
        os.replace(hidden, path)
    except FileNotFoundError:  # somebody else was quicker, or it is gone
        return path
    except OSError as error:  # the disk can only be read by now. The next who asks for the file tries again.
        _LOG.warning("%s keeps a dot before its name for now: %s", path, error.strerror or error)
        return hidden
    return path


def hidden_name(path: Path) -> Path:
    """The name a file has until its row is committed."""
    return path.with_name(f".{path.name}")


def _perhaps(is_named: Callable[[], bool]) -> bool:
    try:
        return is_named()
    except GlioLabelError:  # not known now; it is looked at again at the next start
        return True
