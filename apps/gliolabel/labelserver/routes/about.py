"""What the server says of itself: ``/info/``, the log, the weights files, and the viewer that comes with MONAI Label."""

from __future__ import annotations

import shutil
import subprocess
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import monailabel.endpoints
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import FileResponse, PlainTextResponse
from monailabel.config import settings
from monailabel.endpoints.user.auth import RBAC

from gliolabel.errors import ForbiddenError, UnavailableError, UnknownError
from gliolabel.labelserver.door.addresses import from_here
from gliolabel.labelserver.login import login_is_on

if TYPE_CHECKING:
    from gliolabel.labelserver.case_app import CaseApp

_ADMIN = RBAC(settings.MONAI_LABEL_AUTH_ROLE_ADMIN)
_USER = RBAC(settings.MONAI_LABEL_AUTH_ROLE_USER)
_VIEWER: Final = Path(monailabel.endpoints.__file__).resolve().parent / "static" / "ohif"
_WAIT_S: Final = 10


def router(app: CaseApp) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix=settings.MONAI_LABEL_API_STR)

    @routes.get("/info/", tags=["App"], summary="What this server offers", dependencies=[Depends(_USER)])
    def info() -> dict[str, Any]:
        return app.info()

    @routes.get("/logs/", tags=["Others"], summary="The last lines of the log", dependencies=[Depends(_ADMIN)])
    def log(http: Request, lines: Annotated[int, Query(ge=1, le=10_000)] = 300) -> Response:
        _operators_only(http)
        file = Path(settings.MONAI_LABEL_APP_DIR) / "logs" / "app.log"
        try:
            with file.open(encoding="utf-8", errors="replace") as stream:
                return PlainTextResponse("".join(deque(stream, lines)))
        except OSError as error:
            raise UnknownError(f"There is no log to show ({error.strerror or error}).") from error

    @routes.get("/logs/gpu", tags=["Others"], summary="What nvidia-smi says", dependencies=[Depends(_ADMIN)])
    def gpu(http: Request) -> Response:
        _operators_only(http)
        program = shutil.which("nvidia-smi")
        if program is None:
            raise UnknownError("There is no NVIDIA driver on this server.")
        try:
            return PlainTextResponse(subprocess.run([program], capture_output=True, text=True, timeout=_WAIT_S, check=False).stdout)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UnavailableError("nvidia-smi does not answer.") from error

    @routes.get("/model/{model}", tags=["Model"], summary="The weights file that is served", dependencies=[Depends(_ADMIN)])
    def weights(model: str) -> Response:
        path = app.model_file(model)
        if not path or not Path(path).is_file():
            raise UnknownError(f"There is no weights file of a model {model[:64]!r} here.")
        return FileResponse(path, media_type="application/octet-stream", filename=f"{model}{Path(path).suffix}")

    @routes.get("/model/info/{model}", tags=["Model"], summary="Checksum of the weights file", dependencies=[Depends(_ADMIN)])
    def weights_info(model: str) -> dict[str, Any]:
        found: dict[str, Any] | None = app.model_info(model)
        if not found:
            raise UnknownError(f"There is no weights file of a model {model[:64]!r} here.")
        return found

    @routes.get("/ohif/{path:path}", tags=["Others"], include_in_schema=False, dependencies=[Depends(_USER)])
    def viewer(path: str) -> Response:
        return FileResponse(_viewer_file(path))

    return routes


def _operators_only(http: Request) -> None:
    if not login_is_on() and not from_here(http.scope):
        raise ForbiddenError("Without a login the log is shown on the server's own machine only.")


def _viewer_file(path: str) -> Path:
    """The viewer's file of that name; its pages all begin with one."""
    try:
        file = (_VIEWER / path).resolve()
        if file.is_relative_to(_VIEWER) and file.is_file():
            return file
    except (OSError, ValueError):  # no name that a file can have
        pass
    if not (_VIEWER / "index.html").is_file():
        raise UnknownError("MONAI Label came without its viewer.")
    return _VIEWER / "index.html"
