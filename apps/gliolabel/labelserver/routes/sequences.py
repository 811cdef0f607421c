"""``GET /datastore/image/sequences`` and ``/sequence``: all of a case, of which MONAI Label shows one file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import FileResponse
from monailabel.config import settings
from monailabel.endpoints.user.auth import RBAC

from gliolabel.labelserver.door.addresses import from_here
from gliolabel.labelserver.label_infos import public_name

if TYPE_CHECKING:
    from gliolabel.labelserver.case_app import CaseApp

_USER = RBAC(settings.MONAI_LABEL_AUTH_ROLE_USER)


def router(app: CaseApp) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix=settings.MONAI_LABEL_API_STR + "/datastore/image", tags=["Datastore"], dependencies=[Depends(_USER)])

    def file_of(image: str, sequence: str) -> Path:
        return app.cases.case(image).case.sequence_file(sequence, app.folder.cache / "images").resolve()

    @routes.get("/sequences", summary="The sequences of a case, the one that results are returned on first")
    def sequences(image: str, http: Request) -> dict[str, Any]:
        case = app.cases.case(image).case
        found = [{"sequence": name} for name in case.shown]
        if from_here(http.scope):
            # As with Next Sample: a client on this machine opens the file where it lies.
            found = [{"sequence": name, "path": str(file_of(image, name))} for name in case.shown]
        return {"image": image, "reference": case.reference, "missing": list(case.missing), "sequences": found}

    @routes.get("/sequence", summary="Download a sequence of a case, on its own grid")
    def download(image: str, sequence: str) -> Response:
        path = file_of(image, sequence)
        return FileResponse(path, filename=public_name(f"{image}_{sequence}", path.name), media_type="application/octet-stream")

    return routes
