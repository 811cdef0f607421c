"""Uncertainty maps on disk, one Monte-Carlo dropout run at a time, and the scores that stay when a map is gone."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy import Select, select

from gliolabel.state.database import Database
from gliolabel.state.files import delete, file_stem, write_for_good
from gliolabel.state.scores import MapKey, put_score
from gliolabel.state.tables import AgreementRow, MapRow, ScoreRow

#: Runs kept per case: the current one and the last other one. Maps can be computed again, and are large.
RUNS_KEPT = 2


class MapStore:
    """The uncertainty maps of all cases."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._folder = database.folder

    def add(
        self,
        key: MapKey,
        *,
        files: Mapping[str, Callable[[Path], object]],
        scores: Mapping[str, Any],
        current: bool,
        places: Sequence[Mapping[str, Any]] = (),
    ) -> MapRow:
        """Store a run; an older run of the same key is replaced.

        Args:
            files: writers of the volumes by name: the measures and ``mask``.
            scores: region scores; JSON.
            current: the run belongs to the last segmentation of the case.
            places: the places to look at, worst first; JSON.

        Raises:
            UnavailableError: the disk is full; nothing was stored.
        """
        stem, token = file_stem(key.case_id), uuid.uuid4().hex[:8]
        paths = {name: f"maps/{stem}/{stem}_{name}_{key.model}_{token}.nii.gz" for name in files}
        sha256 = {}
        try:
            for name, write in files.items():
                sha256[name] = write_for_good(self._folder.path / paths[name], write)
            row = MapRow(**asdict(key), paths=paths, sha256=sha256, scores=dict(scores), places=[*map(dict, places)], current=current)
            with self._database.writing() as session:
                gone = list(session.scalars(_runs(key)))
                for old in gone:
                    session.delete(old)
                session.flush()
                if current:
                    for other in session.scalars(select(MapRow).filter_by(case_id=key.case_id, current=True)):
                        other.current = False
                session.add(row)
                put_score(session, key, scores=scores, current=current)
                session.flush()
                kept = select(MapRow).filter_by(case_id=key.case_id).order_by(MapRow.current.desc(), MapRow.id.desc())
                for surplus in list(session.scalars(kept))[RUNS_KEPT:]:
                    session.delete(surplus)
                    gone.append(surplus)
        except BaseException:
            self._delete(paths)
            raise
        for old in gone:
            self._delete(old.paths)
        return row

    def find(self, key: MapKey) -> MapRow | None:
        """The stored run of exactly this key whose files are there, or None."""
        with self._database.reading() as session:
            row = session.scalars(_runs(key).filter_by(source=key.source)).first()
        return row if row is not None and all((self._folder.path / path).is_file() for path in row.paths.values()) else None

    def current(self, case_id: str) -> MapRow | None:
        """The run that belongs to the last segmentation of the case, or None."""
        with self._database.reading() as session:
            return session.scalars(select(MapRow).filter_by(case_id=case_id, current=True).order_by(MapRow.id.desc())).first()

    def all_current(self, case_ids: Collection[str] | None = None) -> dict[str, MapRow]:
        """The current runs by case id.

        Args:
            case_ids: only of these cases.
        """
        query = select(MapRow).filter_by(current=True).order_by(MapRow.id)
        with self._database.reading() as session:
            rows = session.scalars(query if case_ids is None else query.where(MapRow.case_id.in_(case_ids)))
            return {row.case_id: row for row in rows}

    def make_current(self, row: MapRow) -> None:
        """The last segmentation of the case was of this run's model."""
        with self._database.writing() as session:
            for other in session.scalars(select(MapRow).filter_by(case_id=row.case_id)):
                other.current = other.id == row.id

    def file(self, row: MapRow, name: str) -> Path:
        """The file of a measure, or of the ``mask``."""
        return self._folder.path / str(row.paths[name])

    def scores(self, *, model: str, version: str) -> dict[str, ScoreRow]:
        """The scores a model version gave, by case id."""
        with self._database.reading() as session:
            return {row.case_id: row for row in session.scalars(select(ScoreRow).filter_by(model=model, version=version))}

    def remove(self, case_id: str) -> None:
        """Forget all runs and scores of a case and delete the files."""
        with self._database.writing() as session:
            rows = list(session.scalars(select(MapRow).filter_by(case_id=case_id)))
            scores = session.scalars(select(ScoreRow).filter_by(case_id=case_id))
            agreements = session.scalars(select(AgreementRow).filter_by(case_id=case_id))
            for row in [*rows, *scores, *agreements]:
                session.delete(row)
        for row in rows:
            self._delete(row.paths)

    def _delete(self, paths: Mapping[str, str]) -> None:
        for path in paths.values():
            delete(self._folder.path / path)


__all__ = ["RUNS_KEPT", "MapKey", "MapStore"]


def _runs(key: MapKey) -> Select[MapRow]:
    return select(MapRow).filter_by(case_id=key.case_id, model=key.model, version=key.version, passes=key.passes, seed=key.seed)
