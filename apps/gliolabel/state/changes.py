"""Which cases changed since when: what is kept in memory is brought up to date by reading those alone.

Every transaction that writes gets a number, and for each table and case the number of the last one is kept, in the same transaction. It
works for several processes on one database.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, event, func, insert, select
from sqlalchemy.orm import Session, UOWTransaction

from gliolabel.state.tables import About, Base, ChangeRow

#: Key of the counter.
_COUNTER = "changes"
#: Rows in one statement; sqlite takes some 32,000 values.
_CHUNK = 5000


class Changes:
    """What one transaction changes.

    Args:
        session: the transaction's.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._found: set[tuple[str, str]] = set()

    @classmethod
    def watch(cls, session: Session) -> Changes:
        """Begin to watch a session."""
        changes = cls(session)
        event.listen(session, "before_flush", changes._look)
        return changes

    def note(self) -> None:
        """Write down what changed. To be called before the commit."""
        self._session.flush()
        found = sorted(self._found)
        if not found:
            return
        number = next_number(self._session)
        rows: list[Mapping[str, Any]] = [{"topic": topic, "case_id": case_id, "number": number} for topic, case_id in found]
        by_topic: dict[str, list[str]] = {}
        for topic, case_id in found:
            by_topic.setdefault(topic, []).append(case_id)
        for topic, case_ids in by_topic.items():
            for start in range(0, len(case_ids), _CHUNK):
                chunk = case_ids[start : start + _CHUNK]
                self._session.execute(delete(ChangeRow).where(ChangeRow.topic == topic, ChangeRow.case_id.in_(chunk)))
        self._session.execute(insert(ChangeRow), rows)

    def _look(self, session: Session, _context: UOWTransaction, _instances: object) -> None:
        for row in (*session.new, *session.dirty, *session.deleted):
            case_id = getattr(row, "case_id", None)
            if isinstance(row, Base) and isinstance(case_id, str):
                self._found.add((row.__tablename__, case_id))


def next_number(session: Session) -> int:
    """The number of this transaction. Whoever took it holds off the others until the commit, on databases that let several write."""
    counter = session.get(About, _COUNTER, with_for_update=True)
    if counter is None:
        counter = About(key=_COUNTER, value="0")
        session.add(counter)
    counter.value = str(int(counter.value) + 1)
    session.flush()
    return int(counter.value)


def last_number(session: Session, topic: str) -> int:
    """The number of the last transaction that changed a table; 0 for none."""
    return session.scalar(select(func.max(ChangeRow.number)).where(ChangeRow.topic == topic)) or 0


def changed_since(session: Session, topic: str, number: int) -> list[str]:
    """Ids of the cases for which a table changed after a transaction."""
    return list(session.scalars(select(ChangeRow.case_id).where(ChangeRow.topic == topic, ChangeRow.number > number)))
