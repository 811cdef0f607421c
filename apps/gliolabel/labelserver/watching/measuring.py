"""Measuring every request, and a line of the log for each where machines read the log."""

from __future__ import annotations

import logging
import time
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gliolabel.labelserver.watching.figures import Figures

_LOG = logging.getLogger("gliolabel.requests")
#: Asked for every few seconds by machines; a line of the log for each would bury the others.
_QUIET: Final = frozenset({"/healthz", "/metrics"})
_UNKNOWN: Final = "unknown"


class Measured:
    """Counts requests and their seconds.

    Args:
        app: answers them.
        figures: where they are counted.
    """

    def __init__(self, app: ASGIApp, *, figures: Figures) -> None:
        self._app, self._figures = app, figures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            seconds = time.perf_counter() - started
            route = str(getattr(scope.get("route"), "path", _UNKNOWN))
            self._figures.request(scope["method"], route, status, seconds=seconds)
            if route not in _QUIET:
                about = {"method": scope["method"], "route": route, "status": status, "seconds": round(seconds, 4)}
                _LOG.info("%(method)s %(route)s: %(status)d in %(seconds).3f s", about, extra=about)
