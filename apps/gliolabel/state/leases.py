"""Who has which case: two readers who ask get different ones, and a case that was not submitted comes back."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import delete, select

from gliolabel.state.changes import next_number
from gliolabel.state.database import Database
from gliolabel.state.tables import LeaseRow

#: Minutes after which a case that was offered and not submitted is free again.
LEASE_MINUTES: Final = 120.0
#: What a reader passed over is remembered so long (seconds).
_REMEMBERED_S: Final = 30 * 86400.0


@dataclass(frozen=True)
class Lease:
    """A case in somebody's hands.

    Args:
        case_id: the case.
        holder: who has it.
        strategy: by which it was offered.
        offered: since when, seconds since 1970.
        expires: until when.
    """

    case_id: str
    holder: str
    strategy: str
    offered: float
    expires: float


@dataclass(frozen=True)
class Standing:
    """What a choice must heed.

    Args:
        held: the leases of other readers, by case id.
        passed: this reader's own earlier leases, by case id.
    """

    held: Mapping[str, Lease]
    passed: Mapping[str, Lease]


class Leases:
    """The leases of all readers.

    Args:
        database: where they are.
        minutes: how long a lease lasts.
        clock: seconds since 1970.
    """

    def __init__(self, database: Database, *, minutes: float = LEASE_MINUTES, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock
        self.minutes = minutes

    def take(self, holder: str, choose: Callable[[Standing], str | None], *, strategy: str = "") -> Lease | None:
        """Give back what the holder has, choose, and lease what was chosen.

        One reader at a time: nobody else takes a case between the choice and its lease.

        Args:
            holder: who asks.
            choose: makes the choice; quick, and reads nothing but what is in memory or in this database.
            strategy: for the record.

        Returns:
            The lease, or None when nothing was chosen.
        """
        with self._database.writing() as session:
            next_number(session)
            now = self._clock()
            mine = list(session.scalars(select(LeaseRow).filter_by(holder=holder)))
            for row in mine:
                if row.expires > 0:
                    row.expires = 0.0
            others = session.scalars(select(LeaseRow).where(LeaseRow.expires > now, LeaseRow.holder != holder))
            held = {row.case_id: _lease(row) for row in others}
            session.flush()
            chosen = choose(Standing(held, {row.case_id: _lease(row) for row in mine}))
            if chosen is None:
                return None
            row = LeaseRow(case_id=chosen, holder=holder, strategy=strategy, offered=now, expires=now + 60.0 * self.minutes)
            session.merge(row)
            return _lease(row)

    def end(self, case_id: str) -> list[Lease]:
        """The case was submitted: nobody has it any longer. Returns the leases that ended."""
        with self._database.reading() as session:  # most submissions of a batch have none: no need to write
            if not list(session.scalars(select(LeaseRow.holder).filter_by(case_id=case_id))):
                return []
        with self._database.writing() as session:
            rows = list(session.scalars(select(LeaseRow).filter_by(case_id=case_id)))
            ended = [_lease(row) for row in rows if row.expires > self._clock()]
            for row in rows:
                row.expires = 0.0
        return ended

    def active(self) -> dict[str, Lease]:
        """The leases that run, by case id."""
        with self._database.reading() as session:
            return {row.case_id: _lease(row) for row in session.scalars(select(LeaseRow).where(LeaseRow.expires > self._clock()))}

    def of(self, case_id: str) -> list[Lease]:
        """The leases of a case that run."""
        with self._database.reading() as session:
            rows = session.scalars(select(LeaseRow).where(LeaseRow.case_id == case_id, LeaseRow.expires > self._clock()))
            return [_lease(row) for row in rows]

    def forget_old(self) -> None:
        """Forget what was offered long ago."""
        with self._database.writing() as session:
            session.execute(delete(LeaseRow).where(LeaseRow.offered < self._clock() - _REMEMBERED_S, LeaseRow.expires <= self._clock()))


def _lease(row: LeaseRow) -> Lease:
    return Lease(row.case_id, row.holder, row.strategy, row.offered, row.expires)
