"""Putting the door before MONAI Label's application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from monailabel.interfaces.exception import MONAILabelException
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from gliolabel.errors import GlioLabelError
from gliolabel.labelserver.door.messages import answer_to
from gliolabel.labelserver.door.requests import REQUEST, Requests, number_the_log

if TYPE_CHECKING:
    from gliolabel.labelserver.case_app import CaseApp


def install_door(server: FastAPI, app: CaseApp) -> None:
    """Put every guard in place. The first of the list is the outermost.

    Args:
        server: MONAI Label's FastAPI application.
        app: whose configuration counts.
    """
    number_the_log()
    for kind in (GlioLabelError, MONAILabelException, HTTPException, RequestValidationError):
        server.add_exception_handler(kind, _in_words)
    server.user_middleware = [Middleware(Requests), *server.user_middleware]
    # The middleware was put together when the server began to start. It is done again for the first request.
    server.middleware_stack = None


async def _in_words(request: Request, error: Exception) -> JSONResponse:
    return answer_to(error, method=request.method, path=request.url.path, number=REQUEST.get())
