"""``PUT /datastore/`` and ``GET /datastore/image``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, File, Form, Response, UploadFile
from fastapi.responses import FileResponse
from monailabel.config import settings
from monailabel.endpoints.user.auth import RBAC, User

from gliolabel.labelserver.label_infos import public_name
from gliolabel.labelserver.login import login_is_on
from gliolabel.labelserver.routes.receiving import received
from gliolabel.labelserver.wire import read_params
from gliolabel.studies.files import split_extension

if TYPE_CHECKING:
    from gliolabel.labelserver.case_app import CaseApp

_ANNOTATOR = RBAC(settings.MONAI_LABEL_AUTH_ROLE_ANNOTATOR)


def router(app: CaseApp) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix=settings.MONAI_LABEL_API_STR + "/datastore", tags=["Datastore"])

    @routes.put("/", summary="Upload a volume")
    @routes.put("/image", summary="Upload a volume")
    def upload(
        file: Annotated[UploadFile, File()],
        user: Annotated[User, Depends(_ANNOTATOR)],
        image: str | None = None,
        params: Annotated[str, Form()] = "{}",
    ) -> dict[str, Any]:
        info = read_params(params)
        info["user"] = user.username if login_is_on() else None  # never what the client makes up
        name = (file.filename or "").replace("\\", "/").rsplit("/", 1)[-1]
        parts = split_extension(name)
        image_id = image or (parts[0] if parts else name)
        with received(file, app.files.folder, most_mib=app.configuration.upload_limit) as path:
            return {"image": app.cases.add_image(image_id, str(path), info)}

    @routes.get("/image", summary="Download the reference sequence of a case", dependencies=[Depends(app.login.may_download)])
    def download(image: str) -> Response:
        path = Path(app.cases.get_image_uri(image))
        return FileResponse(path, filename=public_name(image, path.name), media_type="application/octet-stream")

    return routes
