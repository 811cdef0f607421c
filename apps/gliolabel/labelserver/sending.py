"""Sending results in the background: one at a time, again and again while the PACS is away, never in a request."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Final, cast

from gliolabel.dicom.results.delivery import Delivery
from gliolabel.dicom.results.gathering import What
from gliolabel.errors import GlioLabelError, InputError, UnavailableError, UnknownError
from gliolabel.state.labels import FINAL
from gliolabel.state.outbox import Outbox
from gliolabel.state.tables import SendingRow

_LOG = logging.getLogger(__name__)
#: After a failure a sending is tried again after so many seconds, then twice as many, and so on to the largest.
RETRY_S: Final = (5.0, 600.0)
#: A submission waits so long for the map of its case (seconds), looking this often.
_MAP_S: Final = (900.0, 3.0)
#: The outbox is looked at this often (seconds).
_LOOK_S: Final = 5.0


class Sending:
    """Sends what is in the outbox.

    Args:
        outbox: it.
        delivery: makes and sends the objects.
        map_comes: whether the uncertainty map of a case is being made.
    """

    def __init__(self, outbox: Outbox, delivery: Delivery, *, map_comes: Callable[[str], bool] = lambda _: False) -> None:
        self._outbox = outbox
        self._delivery = delivery
        self._map_comes = map_comes
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._trouble = ""

    @property
    def place(self) -> str:
        """Where results go."""
        return self._delivery.destination.place

    def start(self) -> None:
        """Send from now on, first what an earlier server left."""
        self._thread = threading.Thread(target=self._work, name="results", daemon=True)
        self._thread.start()

    def ask(self, case_id: str, *, what: str, version: int, actor: str) -> SendingRow:
        """Send a result soon.

        Args:
            case_id: the case.
            what: ``final`` or ``model``.
            version: of the accepted label; 0 for the model's mask.
            actor: who asks.

        Raises:
            UnavailableError: the database cannot be written.
        """
        row = self._outbox.add(case_id, what=what, version=version, actor=actor)
        self.look()
        return row

    def look(self) -> None:
        """There may be something to send."""
        self._wake.set()

    def of(self, case_id: str) -> list[dict[str, Any]]:
        """The sendings of a case, oldest first, as a client is told."""
        return [told(row) for row in self._outbox.of(case_id)]

    def counts(self) -> dict[str, int]:
        """How many results wait, failed for good, and were sent."""
        return self._outbox.counts()

    def sentence(self) -> str:
        """What a person should know, or nothing."""
        counts = self._outbox.counts()
        parts = [
            f"{counts['waiting']} results wait to be sent" if counts["waiting"] else "",
            f"{counts['failed']} results cannot be sent" if counts["failed"] else "",
        ]
        why = self._outbox.last_error() if any(parts) else ""
        return "; ".join(filter(None, parts)) + (f": {why}." if why else "." if any(parts) else "")

    def give_up(self) -> None:
        """End after the present sending. Returns at once."""
        self._stopping.set()
        self._wake.set()

    def stop(self, timeout: float = 20.0) -> None:
        """End, and wait for it."""
        self.give_up()
        if self._thread is not None:
            self._thread.join(timeout)

    def _work(self) -> None:
        while not self._stopping.is_set():
            try:
                row = self._outbox.next_due()
                if row is not None:
                    self._send(row)
                    continue
            except GlioLabelError as error:  # the database is away
                _LOG.warning("The results that wait to be sent cannot be looked up: %s", error)
            except Exception as error:  # the thread must go on
                _LOG.error("Looking for results that wait to be sent failed (%s), it is tried again", type(error).__name__)
            self._wake.wait(_LOOK_S)
            self._wake.clear()

    def _send(self, row: SendingRow) -> None:
        what = f"{row.what} {row.version}" if row.what == FINAL else row.what
        if self._map_comes(row.case_id) and time.time() - row.asked.timestamp() < _MAP_S[0]:
            self._outbox.put_off(row, seconds=_MAP_S[1])
            return
        try:
            made = self._delivery.send(row.case_id, cast(What, row.what), version=row.version or None).objects
        except UnavailableError as error:
            if str(error) != self._trouble:  # said once, and not at every try
                _LOG.warning("case %s: the result %s is not sent yet: %s. It is tried again and again", row.case_id, what, error)
            self._trouble = str(error)
            self._outbox.put_off(row, seconds=min(RETRY_S[0] * 2 ** min(row.tries, 10), RETRY_S[1]), error=str(error))
        except (InputError, UnknownError) as error:
            _LOG.error("case %s: the result %s cannot be sent: %s", row.case_id, what, error)
            self._outbox.give_up(row, error=str(error))
        except Exception as error:  # the others must be sent; the message might name a patient, its kind does not
            _LOG.error("case %s: the result %s cannot be made (%s)", row.case_id, what, type(error).__name__)
            self._outbox.give_up(row, error=f"the objects cannot be made ({type(error).__name__})")
        else:
            self._trouble = ""
            self._outbox.done(row, place=self.place, objects=[{"kind": one.kind, "uid": one.uid} for one in made])
            _LOG.info("case %s: the result %s is sent: %s", row.case_id, what, ", ".join(one.kind for one in made))


def told(row: SendingRow) -> dict[str, Any]:
    """What a client is told of a sending."""
    return {
        "image": row.case_id,
        "what": row.what,
        "version": row.version or None,
        "state": "sent" if row.sent is not None else "failed" if row.failed else "waiting",
        "asked": row.asked.isoformat(timespec="seconds"),
        "sent": None if row.sent is None else row.sent.isoformat(timespec="seconds"),
        "tries": row.tries,
        "error": row.error,
        "place": row.place or None,
        "objects": list(row.objects or []),
    }
