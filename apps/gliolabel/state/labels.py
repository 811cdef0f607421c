"""Label versions: every submission is kept, the newest of a tag counts."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from gliolabel.errors import UnknownError
from gliolabel.state.changes import next_number
from gliolabel.state.database import Database
from gliolabel.state.files import delete, file_stem
from gliolabel.state.named_files import named_file, require_written, show
from gliolabel.state.tables import LabelRow, now

#: The tag of accepted labels.
FINAL = "final"
#: The tag of a model's own mask.
ORIGINAL = "original"
#: The tag under which the map of the last segmentation is found; no label has it.
UNCERTAINTY = "uncertainty"
#: Author of a label that was found beside its case.
IMPORT_AUTHOR = "import"


class LabelStore:
    """The label versions of all cases.

    Args:
        database: where the rows are; the files lie in its state folder.
        imported: whether labels found beside the cases count. When not, they are as good as absent.
    """

    def __init__(self, database: Database, *, imported: bool = True) -> None:
        self._database = database
        self._folder = database.folder
        self._imported = imported

    def add(
        self,
        case_id: str,
        *,
        tag: str,
        write: Callable[[Path], object],
        extension: str = ".nii.gz",
        author: str = "",
        model_version: str = "",
        info: Mapping[str, Any] | None = None,
        with_it: Callable[[Session, LabelRow], object] | None = None,
    ) -> LabelRow:
        """Store a new version of a label.

        The file gets a name of its own and is on the disk before the row is committed, see :mod:`gliolabel.state.named_files`.

        Args:
            write: writes the label file to the path it is given.
            info: whatever else is to be kept; JSON.
            with_it: writes what is stored together with the version or not at all.

        Raises:
            UnavailableError: the disk is full or the database cannot be written; nothing was stored.
        """
        stamp = now()
        stem = file_stem(case_id)
        relative = f"labels/{stem}/{stem}_{tag}_{stamp:%Y%m%dT%H%M%S}_{uuid.uuid4().hex[:8]}{extension}"
        path = self._folder.path / relative
        with named_file(path, write, is_named=lambda: self._names(relative)) as sha256:
            row = LabelRow(
                case_id=case_id,
                tag=tag,
                author=author,
                created=stamp,
                model_version=model_version,
                path=relative,
                sha256=sha256,
                info=dict(info or {}),
            )
            with self._database.writing() as session:
                self._append(session, row, with_it)
                require_written(path)
        return row

    def accept(self, row: LabelRow, *, author: str, with_it: Callable[[Session, LabelRow], object] | None = None) -> LabelRow | None:
        """Make a version under another tag the newest ``final`` one as well; both rows name the same file.

        Args:
            row: the version.
            author: of the accepted one.
            with_it: as for :meth:`add`.

        Returns:
            The new version; None when the newest is this one already.
        """
        origin = {"tag": row.tag, "version": row.version}
        with self._database.writing() as session:
            newest = session.scalars(self._newest(row.case_id, FINAL)).first()
            if newest is not None and newest.info.get("accepted_from") == origin:
                return None
            accepted = LabelRow(case_id=row.case_id, tag=FINAL, author=author, created=now(), model_version=row.model_version)
            accepted.path, accepted.sha256, accepted.info = row.path, row.sha256, {**row.info, "accepted_from": origin}
            self._append(session, accepted, with_it)
        return accepted

    def note_imports(self, case_ids: Iterable[str]) -> int:
        """Note that a label lies beside each of these cases: it becomes ``final`` version 1, its file is made when first asked for.

        Returns:
            How many were new.
        """
        first = select(LabelRow.case_id).filter_by(tag=FINAL, version=1)
        with self._database.reading() as session:
            known = set(session.scalars(first))
        new = [case_id for case_id in case_ids if case_id not in known]
        if not new:
            return 0
        with self._database.writing() as session:
            next_number(session)  # one at a time, on databases that let several write
            known = set(session.scalars(first))  # another process may have been quicker
            new = [case_id for case_id in new if case_id not in known]
            session.add_all(LabelRow(case_id=case_id, tag=FINAL, version=1, author=IMPORT_AUTHOR) for case_id in new)
        return len(new)

    def materialise(self, row: LabelRow, write: Callable[[Path], object]) -> LabelRow:
        """Make the file of an imported label."""
        stem = file_stem(row.case_id)
        relative = f"labels/{stem}/{stem}_{row.tag}_{IMPORT_AUTHOR}_{uuid.uuid4().hex[:8]}.nii.gz"
        path = self._folder.path / relative
        with named_file(path, write, is_named=lambda: self._names(relative)) as sha256, self._database.writing() as session:
            next_number(session)  # one at a time, on databases that let several write
            stored = session.get(LabelRow, row.id)
            if stored is None:
                raise UnknownError(f"The label of case {row.case_id!r} is no longer there.")
            if stored.path is None:  # else another request was quicker
                stored.path, stored.sha256 = relative, sha256
            require_written(path)
        if stored.path != relative:
            delete(path)
        return stored

    def file(self, row: LabelRow) -> Path | None:
        """The file of a label version, or None while an imported one has not been made."""
        return None if row.path is None else show(self._folder.path / row.path)

    def newest(self, case_id: str, tag: str) -> LabelRow | None:
        """The newest version under a tag, or None."""
        with self._database.reading() as session:
            return session.scalars(self._newest(case_id, tag)).first()

    def version(self, case_id: str, tag: str, *, version: int | None = None, author: str | None = None) -> LabelRow | None:
        """The newest version under a tag that has this number and this author, or None.

        Args:
            version: its number; None: any.
            author: who submitted it; None: anybody.
        """
        query = self._newest(case_id, tag)
        if version is not None:
            query = query.filter_by(version=version)
        if author is not None:
            query = query.filter_by(author=author)
        with self._database.reading() as session:
            return session.scalars(query).first()

    def versions(self, case_id: str, tag: str | None = None) -> list[LabelRow]:
        """All versions of a case's labels, oldest first."""
        query = self._visible().filter_by(case_id=case_id)
        if tag is not None:
            query = query.filter_by(tag=tag)
        with self._database.reading() as session:
            return list(session.scalars(query.order_by(LabelRow.tag, LabelRow.version)))

    def all_newest(self, case_ids: Collection[str] | None = None) -> dict[str, dict[str, LabelRow]]:
        """The newest version by case and tag.

        Args:
            case_ids: only of these cases.
        """
        newest: dict[str, dict[str, LabelRow]] = {}
        query = self._visible() if case_ids is None else self._visible().where(LabelRow.case_id.in_(case_ids))
        with self._database.reading() as session:
            for row in session.scalars(query.order_by(LabelRow.version)):
                newest.setdefault(row.case_id, {})[row.tag] = row
        return newest

    def cases_with(self, tag: str) -> set[str]:
        """Ids of the cases that have a label under the tag."""
        with self._database.reading() as session:
            return set(session.scalars(self._visible().filter_by(tag=tag).with_only_columns(LabelRow.case_id)))

    def cases_by_tag(self) -> dict[str, set[str]]:
        """Ids of the cases that have a label, by tag."""
        found: dict[str, set[str]] = {}
        with self._database.reading() as session:
            for tag, case_id in session.execute(self._visible().with_only_columns(LabelRow.tag, LabelRow.case_id).distinct()):
                found.setdefault(tag, set()).add(case_id)
        return found

    def update_info(self, case_id: str, tag: str, info: Mapping[str, Any]) -> LabelRow:
        """Merge ``info`` into that of the newest version, which is returned.

        Raises:
            UnknownError: there is no such label.
        """
        newest = self.newest(case_id, tag)
        if newest is None:
            raise UnknownError(f"Case {case_id!r} has no label {tag!r}.")
        with self._database.writing() as session:
            row = session.get_one(LabelRow, newest.id)
            row.info = {**row.info, **info}
        return row

    def remove(self, case_id: str, tag: str | None = None) -> int:
        """Hide the versions of a case's label. The files stay.

        Returns:
            How many versions were hidden.
        """
        with self._database.writing() as session:
            query = select(LabelRow).filter_by(case_id=case_id, removed=None)
            rows = list(session.scalars(query if tag is None else query.filter_by(tag=tag)))
            for row in rows:
                row.removed = now()
        return len(rows)

    def _append(self, session: Session, row: LabelRow, with_it: Callable[[Session, LabelRow], object] | None) -> None:
        next_number(session)  # one at a time, on databases that let several write
        numbers = select(func.max(LabelRow.version)).filter_by(case_id=row.case_id, tag=row.tag)
        row.version = 1 + (session.scalar(numbers) or 0)
        session.add(row)
        if with_it is not None:
            with_it(session, row)

    def _names(self, path: str) -> bool:
        with self._database.reading() as session:
            return session.scalar(select(LabelRow.id).filter_by(path=path).limit(1)) is not None

    def _newest(self, case_id: str, tag: str) -> Select[LabelRow]:
        return self._visible().filter_by(case_id=case_id, tag=tag).order_by(LabelRow.version.desc()).limit(1)

    def _visible(self) -> Select[LabelRow]:
        query = select(LabelRow).where(LabelRow.removed.is_(None))
        # A version without a file lies beside the case; whether it counts was decided at the start.
        return query if self._imported else query.where(LabelRow.author != IMPORT_AUTHOR)
