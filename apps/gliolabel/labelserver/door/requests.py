"""A number for each request: its answer carries it, and so does every line of the log that was written for it."""

from __future__ import annotations

import logging
import re
import uuid
from contextvars import ContextVar
from typing import Any, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gliolabel.labelserver.door.messages import answer_to
from gliolabel.labelserver.log_handlers import log_handlers

HEADER: Final = "X-Request-ID"
#: What a proxy may say the number is, so that its log and ours agree.
_GIVEN: Final = re.compile(r"[A-Za-z0-9_-]{8,64}")
#: The number of the request that is being answered, or nothing. FastAPI's worker threads know it too.
REQUEST: Final[ContextVar[str]] = ContextVar("request", default="")


class Requests:
    """Numbers requests, and answers those that ended in an error nobody expected.

    MONAI Label's answer to such an error is "Internal Server Error", with nothing to look for in its log.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        number = given if _GIVEN.fullmatch(given) else uuid.uuid4().hex[:8]
        started = False

        async def numbered(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                MutableHeaders(scope=message)[HEADER] = number
            await send(message)

        token = REQUEST.set(number)
        try:
            await self._app(scope, receive, numbered)
        except ClientDisconnect:
            pass  # nobody is left to be told
        except Exception as error:
            answer = answer_to(error, method=scope["method"], path=scope["path"], number=number)
            if started:  # the client has half an answer: only the end of the connection tells it so
                raise
            await answer(scope, receive, numbered)
        finally:
            REQUEST.reset(token)


def number_the_log() -> None:
    """Every record has ``request_id`` from now on, and the lines of text logs show it before their message."""
    make = logging.getLogRecordFactory()
    if getattr(make, "numbers_requests", False):
        return

    def numbered(*args: Any, **options: Any) -> logging.LogRecord:
        record = make(*args, **options)
        number = REQUEST.get()
        record.request_id, record.request = number, f"[request {number}] " if number else ""
        return record

    numbered.numbers_requests = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(numbered)
    for handler in log_handlers():
        text = handler.formatter
        if type(text) is logging.Formatter and text._fmt and "%(message)s" in text._fmt:
            shown = text._fmt.replace("%(message)s", "%(request)s%(message)s")
            handler.setFormatter(logging.Formatter(shown, text.datefmt, defaults={"request": ""}))
