"""``POST /infer/{model}``, and ``GET /queue/``: who is before whom."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, File, Form, Request, Response, UploadFile
from fastapi.responses import JSONResponse
from monailabel.config import settings
from monailabel.endpoints.user.auth import RBAC, User
from monailabel.utils.others.generic import get_mime_type
from requests_toolbelt import MultipartEncoder  # type: ignore[import-untyped]

from gliolabel.errors import InputError
from gliolabel.labelserver.queueing.serving import Serving
from gliolabel.labelserver.routes.people import reader_of
from gliolabel.labelserver.routes.receiving import received
from gliolabel.labelserver.strategies import HOLDER
from gliolabel.labelserver.wire import read_params
from gliolabel.state.files import delete

if TYPE_CHECKING:
    from gliolabel.labelserver.case_app import CaseApp

_USER = RBAC(settings.MONAI_LABEL_AUTH_ROLE_USER)


class Output(StrEnum):
    """What the answer holds."""

    image = "image"
    json = "json"
    all = "all"
    dicom_seg = "dicom_seg"


def router(app: CaseApp) -> APIRouter:
    """The route."""
    routes = APIRouter(prefix=settings.MONAI_LABEL_API_STR, tags=["Infer"])
    serving = Serving(app.workbench.line.most)

    @routes.post("/infer/{model}", summary="Segment a case")
    async def infer(
        model: str,
        http: Request,
        user: Annotated[User, Depends(_USER)],
        image: str = "",
        session_id: str = "",
        params: Annotated[str, Form()] = "{}",
        file: Annotated[UploadFile | None, File()] = None,
        label: Annotated[UploadFile | None, File()] = None,
        output: Output | None = None,
    ) -> Response:
        if output is Output.dicom_seg:
            raise InputError("output=dicom_seg cannot be used: use all, image or json. POST /results/ sends DICOM objects to the PACS.")
        # `label` is what interactive models draw on; ours read nothing from it, and it is not stored.
        request: dict[str, Any] = {**read_params(params), "model": model, "image": image}
        request[HOLDER] = reader_of(user, request.get("client_id"), http)
        ticket = app.join(model, reader=request[HOLDER])

        def work() -> Response:
            if session_id:
                return _answer(app.infer({**request, "session_id": session_id}, ticket=ticket), output)
            if file is None:
                return _answer(app.infer(request, ticket=ticket), output)
            with received(file, app.files.folder, most_mib=app.configuration.upload_limit) as path:
                # A volume in the request lives as long as the request: a session of one use.
                session = app.open_session(path)
                if model in app.workbench.names and request.get("passes") in (None, "", "auto"):
                    request["passes"] = 0  # a map in the background would come too late
                try:
                    whole = {**request, "session_id": session.name, "image": image or file.filename or ""}
                    return _answer(app.infer(whole, ticket=ticket), output)
                finally:
                    app.sessions().remove_session(session.name)

        return await serving.answer(http, ticket, work)

    @routes.get("/queue/", summary="How many requests wait, and how many are before one's own")
    def queue(http: Request, user: Annotated[User, Depends(_USER)], client_id: str = "") -> dict[str, Any]:
        return app.workbench.line.status(reader_of(user, client_id, http))

    return routes


def _answer(result: dict[str, Any], output: Output | None) -> Response:
    """The answer in MONAI Label's shape: the parameters and one file. The file is read and deleted."""
    file, params = result["file"], result["params"]
    if file is None:
        return JSONResponse(params)
    path = Path(file)
    try:
        if output is Output.json:
            return JSONResponse(params)
        content, kind = path.read_bytes(), get_mime_type(str(path))
    finally:
        delete(path)
    if output is Output.image:
        return Response(content, media_type=kind, headers={"Content-Disposition": f'attachment; filename="{path.name}"'})
    parts = MultipartEncoder({"params": (None, json.dumps(params), "application/json"), "image": (path.name, content, kind)})
    return Response(parts.to_string(), media_type=parts.content_type)
