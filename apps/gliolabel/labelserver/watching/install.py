"""Putting the watching into MONAI Label's application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.middleware import Middleware

from gliolabel.labelserver.door.requests import Requests
from gliolabel.labelserver.watching.measuring import Measured
from gliolabel.labelserver.watching.sources import add_sources

if TYPE_CHECKING:
    from gliolabel.labelserver.case_app import CaseApp


def install_watching(server: FastAPI, app: CaseApp) -> None:
    """Measure every request from now on.

    Args:
        server: MONAI Label's FastAPI application.
        app: has the figures.
    """
    add_sources(app.figures, app)
    # Inside the one that numbers requests, so that the log's line of a request has its number.
    classes: list[object] = [middleware.cls for middleware in server.user_middleware]
    server.user_middleware.insert(classes.index(Requests) + 1, Middleware(Measured, figures=app.figures))
    # Put together when the server began to start; it is done again for the first request.
    server.middleware_stack = None
