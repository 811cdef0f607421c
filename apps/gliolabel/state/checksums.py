"""Checksums of files that lie outside the state folder, each read once."""

from __future__ import annotations

from pathlib import Path

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
        """SHA-256 of a file's bytes, hexadecimal.

        Raises:
            InputError: it cannot be read.
            UnavailableError: the database cannot be written.
        """
        try:
            status = path.stat()
            with self._database.reading() as session:
                row = session.get(ChecksumRow, str(path))
            if row is not None and (row.size, row.mtime_ns) == (status.st_size, status.st_mtime_ns):
                return row.sha256
            sha256 = file_sha256(path)
        except OSError as error:
            raise InputError(f"file {path.name}: cannot be read ({error.strerror or error}). Was it moved?") from error
        row = ChecksumRow(path=str(path), size=status.st_size, mtime_ns=status.st_mtime_ns, sha256=sha256)
        with self._database.writing() as session:
            session.merge(row)
        return sha256
