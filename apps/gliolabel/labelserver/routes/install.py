"""Putting our routes before MONAI Label's, and errors into words."""

from __future__ import annotations

import logging
import uuid
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from monailabel.interfaces.exception import ImageNotFoundException, LabelNotFoundException, MONAILabelException

from gliolabel.errors import GlioLabelError
from gliolabel.labelserver.routes import batch, images, infer, labels, listing, pacs, samples, scoring, sessions, train

if TYPE_CHECKING:
    from gliolabel.labelserver.case_app import CaseApp

_LOG = logging.getLogger(__name__)


def install_routes(server: FastAPI, app: CaseApp) -> None:
    """Add our routes in front of all others and turn errors into answers.

    Args:
        server: MONAI Label's FastAPI application.
        app: answers the requests.
    """
    before = len(server.router.routes)
    for module in (infer, labels, images, sessions, samples, batch, train, listing, scoring, pacs):
        server.include_router(module.router(app))
    # The first route that fits answers.
    ours = server.router.routes[before:]
    del server.router.routes[before:]
    server.router.routes[:0] = ours
    server.openapi_schema = None
    server.add_exception_handler(GlioLabelError, _in_words)
    server.add_exception_handler(MONAILabelException, _in_monailabels_words)
    server.add_exception_handler(Exception, _without_words)
    # The handlers are read when the middleware is put together, which has happened: the server is starting. It is done again for the
    # first request.
    server.middleware_stack = None


async def _in_words(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, GlioLabelError)
    _LOG.info("%s %s: %d %s", request.method, request.url.path, error.status, error)
    return JSONResponse({"detail": str(error)}, status_code=error.status)


async def _in_monailabels_words(request: Request, error: Exception) -> JSONResponse:
    _LOG.warning("%s %s: %s", request.method, request.url.path, error)
    status = 404 if isinstance(error, ImageNotFoundException | LabelNotFoundException) else 422
    return JSONResponse({"detail": str(getattr(error, "msg", None) or error)}, status_code=status)


async def _without_words(request: Request, error: Exception) -> JSONResponse:
    # What went wrong here is a mistake of the program: the log has the trace, the client gets a number to ask about.
    number = uuid.uuid4().hex[:8]
    _LOG.error("error %s in %s %s", number, request.method, request.url.path, exc_info=error)
    return JSONResponse({"detail": f"Something went wrong in the server. Its log says what, under error {number}."}, status_code=500)
