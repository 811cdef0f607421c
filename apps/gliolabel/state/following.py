"""Rows by case kept in memory, up to date with the database at every question."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from typing import Generic, TypeVar

from gliolabel.state.changes import changed_since, last_number
from gliolabel.state.database import Database
from gliolabel.state.tables import Base

_Value = TypeVar("_Value")
#: From so many changed cases on, everything is read again in one statement.
_MOST_SINGLE = 500


class Follower(Generic[_Value]):
    """What a table says, by case id.

    Every answer is a mapping of its own that never changes: the same object as before when nothing changed, and the same values in it
    for the cases that did not change. So whatever is made from them can be kept by identity.

    Args:
        database: the database.
        table: the table whose changes are followed.
        load: reads the values of these cases, of all with None; a case may have none.
    """

    def __init__(self, database: Database, table: type[Base], load: Callable[[Collection[str] | None], Mapping[str, _Value]]) -> None:
        self._database = database
        self._topic = table.__tablename__
        self._load = load
        self._lock = threading.Lock()
        self._seen = -1
        self._values: Mapping[str, _Value] = {}

    def current(self) -> Mapping[str, _Value]:
        """The values now."""
        with self._lock:
            with self._database.reading() as session:
                # First the number, then the values: what changes in between is read once more next time.
                number = last_number(session, self._topic)
                if number == self._seen:
                    return self._values
                changed = changed_since(session, self._topic, self._seen) if self._seen >= 0 else None
            if changed is None or len(changed) > _MOST_SINGLE:
                fresh = self._load(None)
                values = dict(fresh)
            else:
                fresh = self._load(changed)
                values = dict(self._values)
                for case_id in changed:
                    values.pop(case_id, None)
                values.update(fresh)
            self._values, self._seen = values, number
            return values
