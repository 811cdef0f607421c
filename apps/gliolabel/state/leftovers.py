"""Putting the files of a state folder in order after a process was killed."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from sqlalchemy import select

from gliolabel.state.changes import next_number
from gliolabel.state.database import Database
from gliolabel.state.files import delete
from gliolabel.state.named_files import show
from gliolabel.state.tables import LabelRow, MapRow, MaskRow, UploadRow

_LOG = logging.getLogger(__name__)


def clear_leftovers(database: Database) -> int:
    """Delete the files that a process which was killed was about to store, and end what it had all but ended.

    Of labels and uploads only hidden files are looked at, see :mod:`gliolabel.state.named_files`. Maps and masks can be had again: any
    that no row names is deleted. Another process that stores one at the same moment loses nothing but that one map or mask.

    Args:
        database: it knows what is stored.

    Returns:
        How many files were deleted.

    Raises:
        UnavailableError: the database cannot be written.
    """
    folder = database.folder
    hidden = [path for path in _files(folder.labels, folder.uploads) if path.name.startswith(".")]
    passing = _files(folder.maps, folder.masks)
    with database.writing() as session:
        next_number(session)  # nobody else commits a row until this ends
        stored = {*session.scalars(select(LabelRow.path)), *session.scalars(select(UploadRow.path))} if hidden else set()
        kept = {*session.scalars(select(MaskRow.path))}
        kept |= {path for paths in session.scalars(select(MapRow.paths)) for path in paths.values()}
        left = [path for path in passing if path.relative_to(folder.path).as_posix() not in kept]
        for path in hidden:
            shown = path.with_name(path.name.removeprefix("."))
            if shown.relative_to(folder.path).as_posix() in stored:
                show(shown)
            else:
                left.append(path)
        for path in left:
            delete(path)
    if left:
        _LOG.info("%d files of a process that was killed were deleted", len(left))
    return len(left)


def _files(*folders: Path) -> list[Path]:
    return [Path(place, name) for folder in folders for place, _, names in os.walk(folder) for name in names]
