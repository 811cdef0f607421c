"""``PUT`` and ``GET /datastore/label``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, File, Form, Query, Request, Response, UploadFile
from fastapi.responses import FileResponse
from monailabel.config import settings
from monailabel.endpoints.user.auth import RBAC, User

from gliolabel.labelserver.label_infos import public_name
from gliolabel.labelserver.login import login_is_on
from gliolabel.labelserver.routes.people import reader_of
from gliolabel.labelserver.routes.receiving import received
from gliolabel.labelserver.wire import REPLACING, label_tag, read_params
from gliolabel.state.labels import FINAL

if TYPE_CHECKING:
    from gliolabel.labelserver.case_app import CaseApp

#: The plugin says here which model a label began as: it names something and replaces nothing.
_REFUSED = REPLACING - {"model"}
#: No database holds larger numbers.
_Version = Annotated[int | None, Query(ge=1, le=2**31 - 1)]
_ANNOTATOR = RBAC(settings.MONAI_LABEL_AUTH_ROLE_ANNOTATOR)
_USER = RBAC(settings.MONAI_LABEL_AUTH_ROLE_USER)


def router(app: CaseApp) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix=settings.MONAI_LABEL_API_STR + "/datastore", tags=["Datastore"])

    @routes.put("/label", summary="Submit a label")
    def submit(
        image: str,
        http: Request,
        label: Annotated[UploadFile, File()],
        user: Annotated[User, Depends(_ANNOTATOR)],
        params: Annotated[str, Form()] = "{}",
        tag: str = FINAL,
    ) -> dict[str, Any]:
        info = read_params(params, refused=_REFUSED)
        info["user"] = user.username if login_is_on() else None  # never what the client makes up
        reader = reader_of(user, info.get("client_id"), http)
        with received(label, app.files.folder, most_mib=app.configuration.upload_limit) as path:
            return app.cases.submit(image, path, tag=label_tag(tag or FINAL), info=info, reader=reader).reply()

    @routes.get("/label", summary="Download a label or the uncertainty map", dependencies=[Depends(_USER)])
    def download(label: str, tag: str, version: _Version = None, author: str | None = None) -> Response:
        path = Path(app.cases.get_label_uri(label, label_tag(tag), version=version, author=author))
        return FileResponse(path, filename=public_name(label, path.name), media_type="application/octet-stream")

    @routes.get("/label/versions", summary="Every version of a case's labels, oldest first", dependencies=[Depends(_USER)])
    def versions(label: str, tag: str | None = None) -> list[dict[str, Any]]:
        return app.cases.label_versions(label, None if tag is None else label_tag(tag))

    return routes
