"""``PUT`` and ``GET /datastore/label``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, File, Form, Response, UploadFile
from fastapi.responses import FileResponse
from monailabel.config import settings
from monailabel.endpoints.user.auth import RBAC, User

from gliolabel.labelserver.datastore import public_name
from gliolabel.labelserver.routes.receiving import received
from gliolabel.labelserver.wire import REPLACING, label_tag, read_params
from gliolabel.state.labels import FINAL

if TYPE_CHECKING:
    from gliolabel.labelserver.case_app import CaseApp

#: The plugin says here which model a label began as: it names something and replaces nothing.
_REFUSED = REPLACING - {"model"}
_ANNOTATOR = RBAC(settings.MONAI_LABEL_AUTH_ROLE_ANNOTATOR)
_USER = RBAC(settings.MONAI_LABEL_AUTH_ROLE_USER)


def router(app: CaseApp) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix=settings.MONAI_LABEL_API_STR + "/datastore", tags=["Datastore"])

    @routes.put("/label", summary="Submit a label")
    def submit(
        image: str,
        label: Annotated[UploadFile, File()],
        user: Annotated[User, Depends(_ANNOTATOR)],
        params: Annotated[str, Form()] = "{}",
        tag: str = FINAL,
    ) -> dict[str, Any]:
        info = read_params(params, refused=_REFUSED)
        if settings.MONAI_LABEL_AUTH_ENABLE:
            info["user"] = user.username
        with received(label, app.files.folder) as path:
            row, submission = app.cases.submit(image, path, tag=label_tag(tag or FINAL), info=info)
        return {
            "image": image,
            "label": image,
            "tag": row.tag,
            "version": row.version,
            "volumes_ml": dict(submission.volumes_ml),
            "ignored": [f"{name!r} is not one of ours and has no voxels" for name in submission.ignored],
        }

    @routes.get("/label", summary="Download a label or the uncertainty map", dependencies=[Depends(_USER)])
    def download(label: str, tag: str) -> Response:
        path = Path(app.cases.get_label_uri(label, label_tag(tag)))
        return FileResponse(path, filename=public_name(label, path.name), media_type="application/octet-stream")

    return routes
