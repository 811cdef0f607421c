"""Results that are to be sent: what waits outlives the server, and a label is never stored without its sending being noted."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from gliolabel.state.audit import ITSELF, add_event
from gliolabel.state.database import Database
from gliolabel.state.tables import SendingRow, now

#: So many characters of an error are kept.
_ERROR_LENGTH: Final = 1000


class Outbox:
    """The results that wait, were sent, or cannot be sent.

    Args:
        database: where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, case_id: str, *, what: str, version: int, actor: str) -> SendingRow:
        """Note that a result is to be sent; what was sent before, or failed, is sent again.

        Args:
            case_id: the case.
            what: ``final`` or ``model``.
            version: of the accepted label; 0 for the model's mask.
            actor: who asks.

        Raises:
            UnavailableError: the database cannot be written.
        """
        with self._database.writing() as session:
            return add_sending(session, case_id, what=what, version=version, actor=actor)

    def next_due(self) -> SendingRow | None:
        """The sending that has waited longest of those whose time has come."""
        with self._database.reading() as session:
            return session.scalars(_waiting().where(SendingRow.due <= time.time()).order_by(SendingRow.due, SendingRow.id)).first()

    def done(self, row: SendingRow, *, place: str, objects: Sequence[dict[str, Any]]) -> None:
        """Note that a result is where it was to go, and the event in the audit log.

        Args:
            row: the sending.
            place: where it went.
            objects: what was sent; JSON.
        """
        with self._database.writing() as session:
            stored = session.get_one(SendingRow, row.id)
            if stored.asked == row.asked:  # else somebody asked for it once more, and that is still to be done
                _note_sent(session, stored, place=place, objects=objects)

    def record(self, case_id: str, *, what: str, version: int, actor: str, place: str, objects: Sequence[dict[str, Any]]) -> None:
        """Note that a result was sent without having waited here. Arguments as for :meth:`add` and :meth:`done`."""
        with self._database.writing() as session:
            row = add_sending(session, case_id, what=what, version=version, actor=actor)
            _note_sent(session, row, place=place, objects=objects)

    def put_off(self, row: SendingRow, *, seconds: float, error: str | None = None) -> None:
        """Try a sending again after some seconds.

        Args:
            row: the sending.
            seconds: after how many.
            error: why the try failed; None: it was not tried.
        """
        with self._database.writing() as session:
            stored = session.get_one(SendingRow, row.id)
            stored.due = time.time() + seconds
            if error is not None:
                stored.tries, stored.error = stored.tries + 1, error[:_ERROR_LENGTH]

    def give_up(self, row: SendingRow, *, error: str) -> None:
        """Note that a result cannot be sent as it is.

        Args:
            row: the sending.
            error: why not.
        """
        with self._database.writing() as session:
            stored = session.get_one(SendingRow, row.id)
            if stored.asked == row.asked:
                stored.tries, stored.error, stored.failed = stored.tries + 1, error[:_ERROR_LENGTH], True

    def counts(self) -> dict[str, int]:
        """How many results wait, failed for good, and were sent."""
        total = select(func.count()).select_from(SendingRow)
        with self._database.reading() as session:
            failed = session.scalar(total.where(SendingRow.failed.is_(True))) or 0
            sent = session.scalar(total.where(SendingRow.sent.is_not(None))) or 0
            everything = session.scalar(total) or 0
        return {"waiting": everything - failed - sent, "failed": failed, "sent": sent}

    def last_error(self) -> str:
        """Why the last try of a result that was not sent failed, or nothing."""
        query = select(SendingRow.error).where(SendingRow.sent.is_(None), SendingRow.error.is_not(None)).order_by(SendingRow.due.desc())
        with self._database.reading() as session:
            return session.scalar(query.limit(1)) or ""

    def of(self, case_id: str) -> list[SendingRow]:
        """The sendings of a case, oldest first."""
        with self._database.reading() as session:
            return list(session.scalars(select(SendingRow).filter_by(case_id=case_id).order_by(SendingRow.id)))


def add_sending(session: Session, case_id: str, *, what: str, version: int, actor: str) -> SendingRow:
    """As :meth:`Outbox.add`, within a transaction."""
    row = session.scalars(select(SendingRow).filter_by(case_id=case_id, what=what, version=version)).first()
    if row is None:
        row = SendingRow(case_id=case_id, what=what, version=version)
        session.add(row)
    row.actor, row.asked, row.due, row.tries = actor, now(), time.time(), 0
    row.error, row.failed, row.sent = None, False, None
    return row


def _note_sent(session: Session, row: SendingRow, *, place: str, objects: Sequence[dict[str, Any]]) -> None:
    row.sent, row.error, row.failed = now(), None, False
    row.tries, row.place, row.objects = row.tries + 1, place, list(objects)
    details = {"what": row.what, "label_version": row.version, "place": place, "objects": list(objects)}
    add_event(session, "results sent", actor=row.actor or ITSELF, case_id=row.case_id, details=details)


def _waiting() -> Select[SendingRow]:
    return select(SendingRow).where(SendingRow.sent.is_(None), SendingRow.failed.is_(False)).limit(1)
