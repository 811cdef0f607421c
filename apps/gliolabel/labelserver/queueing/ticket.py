"""A ticket in the queue: of one request, or of one run in the background."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import Enum, IntEnum
from types import TracebackType
from typing import TYPE_CHECKING, Self

from gliolabel.labelserver.queueing.errors import GoneError

if TYPE_CHECKING:
    from gliolabel.labelserver.queueing.line import Line


class Kind(IntEnum):
    """What is computed; the smaller number goes first."""

    MASK = 0
    MAP = 1
    BACKGROUND = 2


class State(Enum):
    """What whoever has a ticket does.

    ``JOINED``: it came, and will probably want to compute. ``WAITING`` for its turn, ``COMPUTING``, or ``ASIDE``: it computes nothing now.
    """

    JOINED = "joined"
    WAITING = "waiting"
    COMPUTING = "computing"
    ASIDE = "aside"


class Ticket:
    """A ticket in a :class:`~gliolabel.labelserver.queueing.line.Line`, which makes it. It is given up at the end of its block.

    :meth:`leave` may be called from any thread, all else from the one that computes.

    Args:
        line: the queue.
        reader: whose request it is; empty for work in the background.
        kind: what is to be computed.
        work: what it is for, such as the task's name; how long that takes is remembered.
        number: which one since the server's start.
    """

    def __init__(self, line: Line, *, reader: str, kind: Kind, work: str, number: int) -> None:
        self.reader, self.kind, self.work, self.number = reader, kind, work, number
        self.state = State.JOINED
        #: In the midst of something: its turn was interrupted.
        self.midway = False
        #: Has waited so long that it is treated as a mask.
        self.impatient = False
        #: When its turn began.
        self.since = 0.0
        #: Seconds it waited for its turns.
        self.waited_s = 0.0
        self._line = line
        self._gone = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._line.give_up_ticket(self)

    @property
    def gone(self) -> bool:
        """Whether the client went away."""
        return self._gone.is_set()

    def leave(self) -> None:
        """The client went away. Returns at once."""
        self._gone.set()
        self._line.wake()

    @contextmanager
    def turn(self, kind: Kind | None = None) -> Iterator[None]:
        """The block computes: it begins when the turn has come.

        Args:
            kind: what is computed, when it is something else than the ticket was taken for.

        Raises:
            GoneError: the client went away meanwhile.
            StoppedError: the server is going down.
        """
        if kind is not None:
            self.kind = kind
        asked = time.monotonic()
        self._line.take(self)
        self.since = time.monotonic()
        self.waited_s += self.since - asked
        try:
            yield
        except BaseException:
            self._line.release(self)
            raise
        self._line.release(self, seconds=time.monotonic() - self.since)

    def check(self) -> None:
        """To be called between the steps of a turn that only this request needs: whoever comes first computes meanwhile.

        Raises:
            GoneError: the client went away.
            StoppedError: the server is going down.
        """
        if self.gone:
            raise GoneError
        self.give_way()

    def give_way(self) -> None:
        """As :meth:`check`, also for a client that went away: somebody else waits for the result.

        Raises:
            StoppedError: the server is going down.
        """
        if self._line.must_give_way(self):
            with self.aside():
                pass

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Within a turn: the block computes nothing, the turn is others' meanwhile.

        Raises:
            StoppedError: the server is going down.
        """
        self.midway = True
        began = time.monotonic()
        self._line.release(self)
        try:
            yield
        finally:
            self._line.take(self)
            self.midway = False
            self.since += time.monotonic() - began

    def needs_no_turn(self) -> None:
        """It will not compute after all: others are not to wait for it."""
        self._line.release(self)

    def rather(self, kind: Kind) -> None:
        """It is wanted as urgently as this from now on."""
        self.kind = min(self.kind, kind)
        self._line.wake()


def in_order(tickets: Sequence[Ticket], last_turns: Mapping[str, int]) -> list[Ticket]:
    """Tickets in the order of their turns: masks, then maps, then the background; of each kind, what has begun is finished first.

    What has waited too long counts as a mask. Then readers take turns: of each reader the first request, then of each the second, and so
    on, beginning with whoever had no turn for the longest time. So one reader's many requests never stand before another's click.

    Args:
        tickets: the tickets.
        last_turns: by reader the number of the last turn; who had none is not in it.
    """
    rounds: dict[tuple[Kind, str], int] = {}
    keys = {}
    for ticket in sorted(tickets, key=lambda ticket: ticket.number):
        turn, kind = 0, Kind.MASK if ticket.impatient else ticket.kind
        if not ticket.midway:
            turn = rounds.get((kind, ticket.reader), 0)
            rounds[kind, ticket.reader] = turn + 1
        keys[ticket] = (kind, not ticket.midway, turn, last_turns.get(ticket.reader, -1), ticket.number)
    return sorted(tickets, key=lambda ticket: keys[ticket])
