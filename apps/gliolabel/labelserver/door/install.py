"""Putting the door before MONAI Label's application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from monailabel.config import settings
from monailabel.interfaces.exception import MONAILabelException
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from gliolabel.errors import GlioLabelError
from gliolabel.labelserver.configuration import Configuration
from gliolabel.labelserver.door.discretion import Discretion
from gliolabel.labelserver.door.limits import Limits
from gliolabel.labelserver.door.messages import answer_to
from gliolabel.labelserver.door.origins import OwnPages, named_origins, permission
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
    configuration = app.configuration
    origins = allowed_origins(configuration)
    stock: Any = CORSMiddleware  # allows every origin
    theirs = [middleware for middleware in server.user_middleware if middleware.cls is not stock]
    server.user_middleware = [
        Middleware(Discretion, folders=app.hidden_folders()),
        *permission(origins),
        Middleware(Requests),
        Middleware(OwnPages, origins=origins),
        Middleware(Limits, upload_mib=configuration.upload_limit),
        *theirs,
    ]
    # The middleware was put together when the server began to start. It is done again for the first request.
    server.middleware_stack = None


def allowed_origins(configuration: Configuration) -> tuple[str, ...]:
    """The other sites whose pages may ask: as configured, or as MONAI Label's own setting says."""
    return configuration.cors_origins or named_origins(",".join(map(str, settings.MONAI_LABEL_CORS_ORIGINS)))


async def _in_words(request: Request, error: Exception) -> JSONResponse:
    return answer_to(error, method=request.method, path=request.url.path, number=REQUEST.get())
