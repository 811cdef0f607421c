"""One request of a client: timed, and what came of it told apart from what must never come."""

from __future__ import annotations

import http.client
import json
import re
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import requests
from monailabel.client.client import MONAILabelClientException
from tests.soak.keeper import Keeper
from tests.soak.ledger import Answer, Ledger
from tests.soak.trouble import Trouble

#: A request that takes so long is stuck (seconds).
STUCK_S = 150
_STATUS = re.compile(r"Status: (\d+); Response: (.*)", re.DOTALL)
#: What a busy server says; it may, at any time.
_BUSY = "ahead of you"


@dataclass(frozen=True)
class Reply:
    """What a client was answered.

    Args:
        status: of the answer; 0: none came, and none had to.
        value: what the client's method returned, if the status is 200.
    """

    status: int
    value: Any = None


class Asking:
    """Sends requests, and writes down what came of them.

    Args:
        keeper: knows when the server was killed.
        ledger: where it is written down.
        trouble: knows what may be refused at the moment.
    """

    def __init__(self, keeper: Keeper, ledger: Ledger, trouble: Trouble) -> None:
        self.keeper, self.ledger, self.trouble = keeper, ledger, trouble

    def ask(self, kind: str, call: Callable[[], Any], *, about: str = "", may_be: Collection[int] = ()) -> Reply:
        """Send a request.

        Args:
            kind: for the table.
            call: sends it by MONAI Label's client.
            about: the case it is about.
            may_be: what the status may be beside 200, and 503 while there is a reason for it.
        """
        ends, began = self.keeper.ends, time.monotonic()
        try:
            value = call()
        except MONAILabelClientException as error:
            return self._refused(kind, str(error.msg), began, about=about, may_be=may_be)
        except (OSError, http.client.HTTPException, requests.RequestException, json.JSONDecodeError) as error:
            seconds = time.monotonic() - began
            self.ledger.answers.append(Answer(kind, 0, seconds))
            if seconds >= STUCK_S:
                self.ledger.found(f"{kind} {about}: no answer within {STUCK_S} s")
            elif self.keeper.ends == ends and self.keeper.up.is_set() and self.keeper.server.process.poll() is None:
                self.ledger.found(f"{kind} {about}: the server is up, and the request ended in {error!r}")
            return Reply(0)
        self.ledger.answers.append(Answer(kind, 200, time.monotonic() - began))
        return Reply(200, value)

    def was_killed_since(self, ends: int) -> bool:
        """Whether an answer may have been cut off: the server was killed since then."""
        return self.keeper.ends != ends or not self.keeper.up.is_set()

    def _refused(self, kind: str, message: str, began: float, *, about: str, may_be: Collection[int]) -> Reply:
        found = _STATUS.search(message)
        status, body = (int(found[1]), found[2]) if found else (-1, message)
        self.ledger.answers.append(Answer(kind, status, time.monotonic() - began))
        try:
            sentence = str(json.loads(body)["detail"])
        except (ValueError, KeyError, TypeError):
            sentence = ""
        self.ledger.refused(status, sentence or body[:200])
        full = status == 503 and (_BUSY in sentence or self.trouble.disk_was_full(since=began))
        if not sentence or not (full or status in may_be or (status in (404, 422) and self.trouble.spoiled(about))):
            self.ledger.found(f"{kind} {about}: answered {status} {sentence or body[:500]}")
        return Reply(status)
