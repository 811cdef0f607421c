"""Scores of cases by model version: how far the passes disagree, and how far mask and accepted label agree."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gliolabel.state.database import Database
from gliolabel.state.tables import AgreementRow, ScoreRow, now

#: So many characters of an error are kept.
_ERROR_LENGTH = 1000


@dataclass(frozen=True)
class MapKey:
    """What a Monte-Carlo dropout run is of.

    Args:
        case_id: id of the case, or the key of a session.
        model: name of the segmentation task.
        version: the model version.
        passes: how many passes.
        seed: of the dropout masks.
        source: SHA-256 over the image files; a changed image has another key.
    """

    case_id: str
    model: str
    version: str
    passes: int
    seed: int
    source: str


class ScoreStore:
    """The scores of all cases.

    Args:
        database: where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, key: MapKey, *, scores: Mapping[str, Any] | None = None, error: str = "") -> None:
        """Store what a run found, or why there was none. A score by more passes that is there already stays.

        Args:
            key: the run.
            scores: by region; None: the case could not be scored.
            error: why not.
        """
        with self._database.writing() as session:
            if scores is not None:
                put_score(session, key, scores=scores, current=True)
            else:
                row = ScoreRow(case_id=key.case_id, model=key.model, version=key.version, passes=key.passes, seed=key.seed)
                row.scores, row.source, row.error, row.created = {}, key.source, error[:_ERROR_LENGTH] or "unknown", now()
                session.merge(row)

    def put_agreement(
        self, case_id: str, *, model: str, version: str, label_id: int, source: str, dice: Mapping[str, float], error: str = ""
    ) -> None:
        """Store how far mask and label agree, or why they could not be compared.

        Args:
            label_id: of the label version that was compared.
            source: fingerprint of the images.
            dice: by region, 0 to 1.
            error: why they could not be compared.
        """
        row = AgreementRow(case_id=case_id, model=model, version=version, label_id=label_id, source=source, dice=dict(dice))
        row.error, row.created = error[:_ERROR_LENGTH] or None, now()
        with self._database.writing() as session:
            session.merge(row)

    def scores(self, *, model: str, version: str, case_ids: Collection[str] | None = None) -> dict[str, ScoreRow]:
        """The scores a model version gave, by case id; failures included.

        Args:
            case_ids: only these.
        """
        query = select(ScoreRow).filter_by(model=model, version=version)
        with self._database.reading() as session:
            rows = session.scalars(query if case_ids is None else query.where(ScoreRow.case_id.in_(case_ids)))
            return {row.case_id: row for row in rows}

    def agreements(self, *, model: str, version: str, case_ids: Collection[str] | None = None) -> dict[str, AgreementRow]:
        """As :meth:`scores`, of mask and label."""
        query = select(AgreementRow).filter_by(model=model, version=version)
        with self._database.reading() as session:
            rows = session.scalars(query if case_ids is None else query.where(AgreementRow.case_id.in_(case_ids)))
            return {row.case_id: row for row in rows}


def put_score(session: Session, key: MapKey, *, scores: Mapping[str, Any], current: bool) -> None:
    """Store the scores of a run, within a transaction, unless better ones of the same images are there.

    A run of other passes or another seed that somebody tried out does not replace what cases are compared by.

    Args:
        key: the run.
        scores: by region.
        current: the run is of the ordinary kind, not one that somebody tried out.
    """
    there = session.get(ScoreRow, (key.case_id, key.model, key.version))
    if there is not None and not there.error and there.source in (None, key.source) and (not current or there.passes > key.passes):
        return
    row = ScoreRow(case_id=key.case_id, model=key.model, version=key.version, passes=key.passes, seed=key.seed)
    row.scores, row.source, row.error, row.created = dict(scores), key.source, None, now()
    session.merge(row)
