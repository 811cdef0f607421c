"""What was done, by whom and why: a log that is only ever added to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from gliolabel.errors import InputError
from gliolabel.state.database import Database
from gliolabel.state.tables import AuditRow

#: What can happen.
EVENTS: Final = (
    "submission",
    "training started",
    "training ended",
    "verdict",
    "promotion",
    "rollback",
    "override",
    "role",
    "results sent",
)
#: The actor of what nobody asked for.
ITSELF: Final = "gliolabel"
#: So many characters of a reason are kept.
_REASON_LENGTH: Final = 2000


class AuditLog:
    """The audit log.

    The database refuses to change or delete a row, so not even a mistake in this software can.

    Args:
        database: where it is.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        event: str,
        *,
        actor: str,
        case_id: str = "",
        model: str = "",
        version: str = "",
        reason: str = "",
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Add an event.

        No name, date of birth or other number of a patient belongs in here: a case is named by its id alone.

        Args:
            event: one of :data:`EVENTS`.
            actor: who did it; :data:`ITSELF` for what nobody asked for.
            case_id: the case it is about, if it is about one.
            model: the model.
            version: the model version.
            reason: why, in the words of the actor or of the rule.
            details: whatever else is to be kept; JSON.

        Raises:
            InputError: there is no such event, or no actor.
            UnavailableError: the database cannot be written.
        """
        with self._database.writing() as session:
            add_event(session, event, actor=actor, case_id=case_id, model=model, version=version, reason=reason, details=details)

    def entries(
        self,
        *,
        event: str | None = None,
        actor: str | None = None,
        case_id: str | None = None,
        model: str | None = None,
        version: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
    ) -> list[AuditRow]:
        """What happened, oldest first.

        Args:
            event: only events of this kind.
            actor: only what this person did.
            case_id: only what is about this case.
            model: only what is about this model.
            version: only what is about this model version.
            since: from this time on, with its time zone.
            until: before this time, with its time zone.
            limit: only the newest so many of them.

        Raises:
            InputError: there is no such event.
        """
        if event is not None:
            _check(event)
        wanted = {"event": event, "actor": actor, "case_id": case_id, "model": model, "version": version}
        query = select(AuditRow).filter_by(**{key: value for key, value in wanted.items() if value is not None})
        if since is not None:
            query = query.where(AuditRow.created >= since)
        if until is not None:
            query = query.where(AuditRow.created < until)
        with self._database.reading() as session:
            # The newest first, so that a limit leaves them.
            rows = list(session.scalars(query.order_by(AuditRow.id.desc()).limit(limit)))
        return rows[::-1]


def add_event(
    session: Session,
    event: str,
    *,
    actor: str,
    case_id: str = "",
    model: str = "",
    version: str = "",
    reason: str = "",
    details: Mapping[str, Any] | None = None,
) -> None:
    """As :meth:`AuditLog.add`, within a transaction: the event is there exactly when what it tells of is."""
    _check(event)
    if not actor:
        raise InputError(f"The audit event {event!r} has no actor; expected who did it, or {ITSELF!r} for what nobody asked for.")
    row = AuditRow(event=event, actor=actor, case_id=case_id, model=model, version=version)
    row.reason, row.details = reason[:_REASON_LENGTH], dict(details or {})
    session.add(row)


def _check(event: str) -> None:
    if event not in EVENTS:
        raise InputError(f"There is no audit event {event!r}. There are: {', '.join(EVENTS)}.")
