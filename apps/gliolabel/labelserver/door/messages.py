"""Errors as answers: a status, one sentence for a person, and the number under which the log has the rest."""

from __future__ import annotations

import errno
import logging
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import torch
from fastapi.exceptions import RequestValidationError
from monailabel.interfaces.exception import ImageNotFoundException, LabelNotFoundException, MONAILabelException
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from gliolabel.errors import GlioLabelError, TooLargeError

_LOG = logging.getLogger(__name__)
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_NO_MEMORY: Final = "can't allocate memory"
_UNKNOWN: Final = "Something went wrong in the server. Its log says what, under the number of this request."


def answer_to(error: Exception, *, method: str, path: str, number: str) -> JSONResponse:
    """The answer to a request that ended in an error; the log gets the rest.

    Args:
        error: what happened.
        method: of the request.
        path: that it asked for.
        number: of the request.
    """
    status, sentence, headers = in_words(error)
    where = f"{method} {quote(path)}"  # quoted: a line feed in an address must not begin a line of the log
    if status >= 500 and not isinstance(error, GlioLabelError):
        _LOG.error("%s: %d %s", where, status, sentence, exc_info=error)
    else:  # said with care; what is behind it may name a patient
        _LOG.info("%s: %d %s", where, status, sentence)
    return JSONResponse({"detail": f"{sentence} (request {number})", "request_id": number}, status_code=status, headers=headers)


def in_words(error: Exception) -> tuple[int, str, Mapping[str, str]]:
    """Status, sentence and headers of the answer to an error.

    Example:
        >>> in_words(OSError(28, "No space left on device"))[:2]
        (503, 'The server has no disk space left. Nothing was stored; make space and try again.')
    """
    if isinstance(error, GlioLabelError):
        wait: float | None = getattr(error, "retry_after_s", None)
        headers: Mapping[str, str] = getattr(error, "headers", {})
        return error.status, str(error), headers if wait is None else {**headers, "Retry-After": str(max(1, round(wait)))}
    if isinstance(error, MONAILabelException):
        status = 404 if isinstance(error, ImageNotFoundException | LabelNotFoundException) else 422
        return status, str(getattr(error, "msg", None) or error), {}
    if isinstance(error, RequestValidationError):
        return 422, _refusal(error.errors()), {}
    if isinstance(_root(error), TooLargeError):  # FastAPI: "There was an error parsing the body"
        return TooLargeError.status, str(_root(error)), {}
    if isinstance(error, HTTPException) and not _shortage(error):
        return error.status_code, _of_http(error), dict(error.headers or {})
    return (503, _shortage(error), {}) if _shortage(error) else (500, _UNKNOWN, {})


def _shortage(error: BaseException) -> str:
    """What the server is out of, when that is why."""
    cause = _root(error)
    if isinstance(cause, OSError) and cause.errno in _FULL:
        return "The server has no disk space left. Nothing was stored; make space and try again."
    if isinstance(cause, MemoryError | torch.OutOfMemoryError) or (isinstance(cause, RuntimeError) and _NO_MEMORY in str(cause)):
        device = "The GPU" if isinstance(cause, torch.OutOfMemoryError) else "The server"
        return f"{device} is out of memory for this. Try again when other work has ended; --conf memory bounds what is used."
    if isinstance(error, DBAPIError):
        return "The state database cannot be used at the moment. Try again; the log says what is wrong with it."
    return ""


def _refusal(errors: Any) -> str:
    """FastAPI's list of what is wrong with a request, as a sentence."""
    found = []
    for wrong in errors:
        place = [str(part) for part in wrong.get("loc", ()) if part not in ("body", "query", "path")]
        why = str(wrong.get("msg", "cannot be used")).removeprefix("Value error, ")
        if why.startswith("Expected UploadFile"):  # FastAPI: "received: <class 'str'>"
            why = "expected a file"
        if wrong.get("type") == "json_invalid":  # its place is a number of bytes
            place, why = [], f"its JSON cannot be read at byte {place[-1] if place else 0}"
        found.append(f"{'.'.join(place) or 'the request'}: {why}")
    return f"The request cannot be used: {'; '.join(found[:5])}."


def _of_http(error: HTTPException) -> str:
    if error.status_code == 404 and error.detail == "Not Found":
        return "There is nothing at this address. The server's own page lists what there is: GET /."
    return str(error.detail)


def _root(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error
