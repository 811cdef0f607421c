"""Checksums of files that lie outside the state folder, each read once."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from sqlalchemy import select

from gliolabel.errors import InputError
from gliolabel.state.database import Database
from gliolabel.state.files import file_sha256
from gliolabel.state.tables import ChecksumRow


class Checksums:
    """SHA-256 of files, kept for as long as size and time of change stay.

    Args:
        database: where they are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, path: Path) -> str:
        """SHA-256 of a file's bytes, hexadecimal. Raises as :meth:`of_all`."""
        return self.of_all([path])[path]

    def of_all(self, paths: Collection[Path]) -> dict[Path, str]:
        """SHA-256 of the bytes of each file, hexadecimal.

        Raises:
            InputError: a file cannot be read.
            UnavailableError: the database cannot be written.
        """
        with self._database.reading() as session:
            rows = session.scalars(select(ChecksumRow).where(ChecksumRow.path.in_([str(path) for path in paths])))
            known = {row.path: row for row in rows}
        found, fresh = {}, []
        for path in paths:
            try:
                status = path.stat()
                row = known.get(str(path))
                if row is None or (row.size, row.mtime_ns) != (status.st_size, status.st_mtime_ns):
                    row = ChecksumRow(path=str(path), size=status.st_size, mtime_ns=status.st_mtime_ns, sha256=file_sha256(path))
                    fresh.append(row)
            except OSError as error:
                raise InputError(f"file {path.name}: cannot be read ({error.strerror or error}). Was it moved?") from error
            found[path] = row.sha256
        if fresh:
            with self._database.writing() as session:
                for row in fresh:
                    session.merge(row)
        return found
