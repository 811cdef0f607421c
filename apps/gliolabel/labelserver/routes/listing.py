"""``GET /datastore/``: the list of all cases, which the plugin and the reviewer plugin read often."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from monailabel.config import settings
from monailabel.endpoints.user.auth import RBAC

from gliolabel.labelserver.door.addresses import from_here

if TYPE_CHECKING:
    from gliolabel.labelserver.case_app import CaseApp

_USER = RBAC(settings.MONAI_LABEL_AUTH_ROLE_USER)


class Listed(StrEnum):
    """What is listed."""

    all = "all"
    stats = "stats"
    train = "train"


def router(app: CaseApp) -> APIRouter:
    """The route."""
    routes = APIRouter(prefix=settings.MONAI_LABEL_API_STR + "/datastore", tags=["Datastore"])

    @routes.get("/", summary="The list of all cases, or counts", dependencies=[Depends(_USER)])
    def datastore(http: Request, output: Listed = Listed.stats) -> Response:
        if output is Listed.all:
            # Encoded already: of 10,000 cases only those that changed are encoded anew.
            return Response(app.cases.listing(), media_type="application/json")
        if output is Listed.stats:
            return JSONResponse(app.cases.status())
        files = app.cases.datalist()
        if not from_here(http.scope):
            files = [{kind: Path(path).name for kind, path in entry.items()} for entry in files]
        return JSONResponse(files)

    return routes
