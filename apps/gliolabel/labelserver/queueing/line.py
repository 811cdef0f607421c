"""Who computes next on one device: one at a time, fair between readers, bounded."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from gliolabel.labelserver.queueing.errors import BusyError, GoneError, StoppedError
from gliolabel.labelserver.queueing.pace import Pace
from gliolabel.labelserver.queueing.ticket import Kind, State, Ticket, in_order

#: Requests that may be before a new one, unless ``--conf queue`` says otherwise.
DEFAULT_QUEUE: Final = 8
#: There may be so many times more in all: a client that goes by ever new names does not fill the memory.
_MOST_TIMES: Final = 4
#: Told when nothing was measured yet.
_RETRY_AFTER_S: Final = 5
#: After so many seconds a map is treated as a mask, or masks without end would keep it waiting without end.
_PATIENCE_S: Final = 30.0
#: Seconds between two looks whether the server is going down: a signal handler cannot wake those who wait.
_LOOK_S: Final = 0.5


class Line:
    """The queue of one device. Whoever has the turn computes, and nobody else.

    Masks come before maps, maps before work in the background, and readers take turns (:func:`in_order`). A map steps aside for a mask
    between passes, work in the background for any request.

    Args:
        bound: requests that may be before a new one; further ones are refused.
        on_turn: called in the thread that computes whenever it begins or goes on, with what it computes.
    """

    def __init__(self, bound: int = DEFAULT_QUEUE, *, on_turn: Callable[[Kind], None] | None = None) -> None:
        self.bound = bound
        self._on_turn = on_turn
        self._changed = threading.Condition()
        self._tickets: list[Ticket] = []
        self._last_turns: dict[str, int] = {}
        self._turns = self._joined = 0
        self._pace = Pace()
        self._stopping = False

    @property
    def most(self) -> int:
        """Requests that can have a ticket at once."""
        return _MOST_TIMES * (self.bound + 1)

    # --- tickets

    def join(self, *, reader: str, kind: Kind, work: str) -> Ticket:
        """A ticket for a request. Returns at once.

        Raises:
            BusyError: too many are before it.
        """
        with self._changed:
            ticket = self._add(reader, kind, work)
            ahead = self._before(ticket)
            requests = sum(other.kind is not Kind.BACKGROUND for other in self._tickets)
            if len(ahead) > self.bound or requests > self.most:
                self._tickets.remove(ticket)
                raise self._busy(ahead)
        return ticket

    def background(self, work: str) -> Ticket:
        """A ticket for work that nobody waits for. It is never refused."""
        with self._changed:
            return self._add("", Kind.BACKGROUND, work)

    def give_up_ticket(self, ticket: Ticket) -> None:
        """It is no longer needed."""
        with self._changed:
            if ticket in self._tickets:
                self._tickets.remove(ticket)
            if all(other.kind is Kind.BACKGROUND for other in self._tickets):
                self._last_turns.clear()
            self._changed.notify_all()

    # --- turns

    def take(self, ticket: Ticket) -> None:
        """Wait for the turn.

        Raises:
            GoneError: the client went away, and nothing was begun.
            StoppedError: the server is going down.
        """
        with self._changed:
            ticket.state = State.WAITING
            asked = time.monotonic()
            try:
                while True:
                    if self._stopping:
                        raise StoppedError
                    if ticket.gone and not ticket.midway:
                        raise GoneError
                    ticket.impatient = ticket.kind is Kind.MAP and time.monotonic() - asked > _PATIENCE_S
                    if self._is_next(ticket):
                        break
                    self._changed.wait(_LOOK_S)
            except BaseException:
                ticket.state = State.ASIDE
                self._changed.notify_all()
                raise
            ticket.state = State.COMPUTING
            self._turns += 1
            self._last_turns[ticket.reader] = self._turns
        if self._on_turn is not None:
            self._on_turn(ticket.kind)

    def release(self, ticket: Ticket, *, seconds: float | None = None) -> None:
        """The turn is over.

        Args:
            ticket: whose it was.
            seconds: how long it took; None: it is not finished.
        """
        with self._changed:
            ticket.state = State.ASIDE
            if seconds is not None:
                self._pace.note((ticket.kind, ticket.work), seconds)
            self._changed.notify_all()

    def must_give_way(self, ticket: Ticket) -> bool:
        """Whether something more urgent waits.

        Raises:
            StoppedError: the server is going down.
        """
        with self._changed:
            if self._stopping:
                raise StoppedError
            return any(other.state is State.WAITING and other.kind < ticket.kind for other in self._tickets)

    def wake(self) -> None:
        """Something changed; those who wait look again."""
        with self._changed:
            self._changed.notify_all()

    def give_up(self) -> None:
        """Everybody ends at the next step. Returns at once and may be called from a signal handler."""
        self._stopping = True

    # --- what is told

    def status(self, reader: str = "") -> dict[str, Any]:
        """What goes on: ``computing``, ``waiting`` requests, the ``bound``, ``about_s`` until all are done, ``ahead`` and ``mine``.

        Args:
            reader: for each of whose requests ``ahead`` says how many are before it; others' are only counted. ``mine`` says of each, in
                the order they came: its ``work``, its ``state``, how many are ``ahead``, for how many seconds it computes (``done_s``),
                and for how many more it will, by what such work took before (``rest_s``, None: nothing was measured yet).
        """
        with self._changed:
            requests = self._queued([other for other in self._tickets if other.kind is not Kind.BACKGROUND])
            about = self._seconds(requests)
            mine = [ticket for ticket in requests if reader and ticket.reader == reader and ticket.state is not State.COMPUTING]
            return {
                "computing": any(ticket.state is State.COMPUTING for ticket in self._tickets),
                "waiting": sum(ticket.state is not State.COMPUTING for ticket in requests),
                "bound": self.bound,
                "about_s": None if about is None else round(about, 1),
                "ahead": [len(self._before(ticket)) for ticket in mine],
                "mine": [self._about(ticket) for ticket in self._tickets if reader and ticket.reader == reader],
            }

    # --- helpers, under the lock

    def _add(self, reader: str, kind: Kind, work: str) -> Ticket:
        self._joined += 1
        ticket = Ticket(self, reader=reader, kind=kind, work=work, number=self._joined)
        self._tickets.append(ticket)
        return ticket

    def _is_next(self, ticket: Ticket) -> bool:
        if any(other.state is State.COMPUTING for other in self._tickets):
            return False
        waiting = [other for other in self._tickets if other is ticket or (other.state is State.WAITING and not other.gone)]
        return in_order(waiting, self._last_turns)[0] is ticket

    def _queued(self, tickets: list[Ticket]) -> list[Ticket]:
        """Those that compute or will, in order. Of those that left, only who is computing still."""
        now = [ticket for ticket in tickets if ticket.state is State.COMPUTING]
        later = [ticket for ticket in tickets if ticket.state in (State.JOINED, State.WAITING) and not ticket.gone]
        return [*now, *in_order(later, self._last_turns)]

    def _before(self, ticket: Ticket) -> list[Ticket]:
        # The background steps aside at once.
        order = self._queued([other for other in self._tickets if other.kind is not Kind.BACKGROUND or other is ticket])
        return order[: order.index(ticket)] if ticket in order else []

    def _about(self, ticket: Ticket) -> dict[str, Any]:
        rest = self._pace.rest((ticket.kind, ticket.work), done_s=_done_s(ticket))
        return {
            "work": ticket.work,
            "state": ticket.state.value,
            "ahead": len(self._before(ticket)),
            "done_s": round(_done_s(ticket), 1),
            "rest_s": None if rest is None else round(rest, 1),
        }

    def _seconds(self, tickets: list[Ticket]) -> float | None:
        """How long these take, one after the other; None: nothing was measured yet."""
        total = 0.0
        for ticket in tickets:
            rest = self._pace.rest((ticket.kind, ticket.work), done_s=_done_s(ticket))
            if rest is None:
                return None
            total += rest
        return total

    def _busy(self, ahead: list[Ticket]) -> BusyError:
        until_one_is_free = self._seconds(ahead[: max(1, len(ahead) - self.bound)])
        retry = _RETRY_AFTER_S if until_one_is_free is None else max(1, math.ceil(until_one_is_free))
        return BusyError(ahead=len(ahead), wait_s=self._seconds(ahead), retry_after_s=retry)


def _done_s(ticket: Ticket) -> float:
    return time.monotonic() - ticket.since if ticket.state is State.COMPUTING else 0.0
