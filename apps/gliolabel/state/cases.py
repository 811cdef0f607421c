"""What is remembered of cases: facts that clients attached, and volumes that were uploaded."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import select

from gliolabel.errors import ConflictError
from gliolabel.state.changes import next_number
from gliolabel.state.database import Database
from gliolabel.state.files import delete, file_stem
from gliolabel.state.named_files import named_file, require_written
from gliolabel.state.tables import CaseRow, UploadRow


class CaseNotes:
    """A JSON object per case."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, case_id: str) -> dict[str, Any]:
        """What was noted of a case."""
        with self._database.reading() as session:
            row = session.get(CaseRow, case_id)
            return {} if row is None else dict(row.info)

    def all(self, case_ids: Collection[str] | None = None) -> dict[str, dict[str, Any]]:
        """What was noted, by case id.

        Args:
            case_ids: only of these cases.
        """
        query = select(CaseRow) if case_ids is None else select(CaseRow).where(CaseRow.case_id.in_(case_ids))
        with self._database.reading() as session:
            return {row.case_id: dict(row.info) for row in session.scalars(query)}

    def merge(self, case_id: str, info: Mapping[str, Any]) -> None:
        """Add to what was noted; an object under the same key is merged with the one that is there."""
        with self._database.writing() as session:
            row = session.get(CaseRow, case_id)
            if row is None:
                session.add(CaseRow(case_id=case_id, info=dict(info)))
                return
            merged = dict(row.info)
            for key, value in info.items():
                there = merged.get(key)
                merged[key] = {**there, **value} if isinstance(there, Mapping) and isinstance(value, Mapping) else value
            row.info = merged


class UploadStore:
    """Volumes that were uploaded."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._folder = database.folder

    def all(self) -> dict[str, UploadRow]:
        """The uploads by case id."""
        with self._database.reading() as session:
            return {row.case_id: row for row in session.scalars(select(UploadRow).order_by(UploadRow.created, UploadRow.case_id))}

    def file(self, row: UploadRow) -> Path:
        """The file of an upload."""
        return self._folder.path / row.path

    def add(self, case_id: str, *, write: Callable[[Path], object], extension: str, voxels_sha256: str, author: str = "") -> UploadRow:
        """Store an uploaded volume.

        Args:
            write: writes the volume to the path it is given.
            extension: of the file, with its dot.
            voxels_sha256: over voxels and grid, to tell a second upload of the same volume from another volume of the same name.

        Raises:
            ConflictError: the id is taken by another volume.
            UnavailableError: the disk is full.
        """
        relative = f"uploads/{file_stem(case_id)}_{uuid.uuid4().hex[:8]}{extension}"
        path = self._folder.path / relative
        with named_file(path, write, is_named=lambda: self._names(relative)), self._database.writing() as session:
            next_number(session)  # one at a time, on databases that let several write
            there = session.get(UploadRow, case_id)
            if there is None:
                row = UploadRow(case_id=case_id, path=relative, voxels_sha256=voxels_sha256, author=author)
                session.add(row)
            require_written(path)
        if there is not None:  # somebody else was quicker
            delete(path)
            if there.voxels_sha256 != voxels_sha256:
                raise ConflictError(
                    f"There is already a volume named {case_id!r} with other voxels. Rename the volume in Slicer and send it again."
                )
            return there
        return row

    def remove(self, case_id: str) -> bool:
        """Forget an upload and delete its file. Returns whether there was one."""
        with self._database.writing() as session:
            row = session.get(UploadRow, case_id)
            if row is None:
                return False
            session.delete(row)
        delete(self.file(row))
        return True

    def _names(self, path: str) -> bool:
        with self._database.reading() as session:
            return session.scalar(select(UploadRow.case_id).filter_by(path=path)) is not None
