"""The masks that readers were given, so that it is known what a submission began from and what was changed."""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path

from sqlalchemy import select

from gliolabel.errors import UnavailableError
from gliolabel.state.database import Database
from gliolabel.state.files import delete, file_stem
from gliolabel.state.tables import MaskRow, now


class MaskStore:
    """The last mask of each case that each reader was given.

    Args:
        database: where the rows are; the files lie in its state folder.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._folder = database.folder

    def keep(self, case_id: str, *, reader: str, model: str, version: str, mask: Path, extension: str) -> MaskRow:
        """Keep a mask in place of the one before it.

        Args:
            case_id: the case.
            reader: who was given it.
            model: the model that made it.
            version: the model version.
            mask: the file as it is sent; another name for it is made where the disk can do that, else a copy.
            extension: of the file, with its dot.

        Raises:
            UnavailableError: the disk is full or the database cannot be written.
        """
        stem = file_stem(case_id)
        relative = f"masks/{stem}/{stem}_{model}_{uuid.uuid4().hex[:8]}{extension}"
        path = self._folder.path / relative
        row = MaskRow(case_id=case_id, reader=reader, model=model, version=version, path=relative, created=now())
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(mask, path)
            except OSError:
                shutil.copyfile(mask, path)
            with self._database.writing() as session:
                before = session.get(MaskRow, (case_id, reader))
                old = None if before is None else before.path
                session.merge(row)
        except BaseException as error:
            delete(path)
            if isinstance(error, OSError):
                raise UnavailableError(f"The mask cannot be kept in {self._folder.masks} ({error.strerror or error}).") from error
            raise
        if old is not None:
            delete(self._folder.path / old)
        return row

    def of(self, case_id: str, *, reader: str) -> MaskRow | None:
        """The last mask of a case that a reader was given, or None."""
        with self._database.reading() as session:
            return session.get(MaskRow, (case_id, reader))

    def by_version(self, case_id: str, *, model: str, version: str) -> MaskRow | None:
        """The newest mask of a case by a model version that any reader was given, or None."""
        query = select(MaskRow).filter_by(case_id=case_id, model=model, version=version).order_by(MaskRow.created.desc()).limit(1)
        with self._database.reading() as session:
            return session.scalars(query).first()

    def file(self, row: MaskRow) -> Path:
        """The file of a mask."""
        return self._folder.path / row.path

    def remove(self, case_id: str) -> None:
        """Forget the masks of a case and delete the files."""
        with self._database.writing() as session:
            rows = list(session.scalars(select(MaskRow).filter_by(case_id=case_id)))
            for row in rows:
                session.delete(row)
        for row in rows:
            delete(self.file(row))
