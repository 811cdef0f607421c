"""``PUT``, ``GET`` and ``DELETE /session``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, File, Response, UploadFile
from fastapi.responses import FileResponse, JSONResponse
from monailabel.config import settings
from monailabel.endpoints.user.auth import RBAC

from gliolabel.errors import InputError
from gliolabel.labelserver.routes.receiving import received
from gliolabel.labelserver.sessions import public_info

if TYPE_CHECKING:
    from gliolabel.labelserver.case_app import CaseApp


def router(app: CaseApp) -> APIRouter:
    """The routes."""
    routes = APIRouter(
        prefix=settings.MONAI_LABEL_API_STR + "/session",
        tags=["Session"],
        dependencies=[Depends(RBAC(settings.MONAI_LABEL_AUTH_ROLE_USER))],
    )

    @routes.put("/", summary="Begin a session with a volume")
    def create(files: Annotated[list[UploadFile], File()], uncompress: bool = False, expiry: int = 0) -> dict[str, Any]:
        if len(files) != 1 or uncompress:
            raise InputError(f"A session begins with one volume file, not {'an archive' if uncompress else f'{len(files)} files'}.")
        with received(files[0], app.files.folder, most_mib=app.configuration.upload_limit) as path:
            session = app.open_session(path, expiry=max(0, expiry))
        return {"session_id": session.name, "session_info": public_info(session)}

    @routes.get("/{session_id}", summary="A session, or its volume")
    def get(session_id: str, update_ts: bool = False, image: bool = False) -> Response:
        session = app.require_session(session_id, use=update_ts)
        if image:
            return FileResponse(session.image, filename=public_info(session)["image"], media_type="application/octet-stream")
        return JSONResponse(public_info(session))

    @routes.delete("/{session_id}", summary="End a session")
    def remove(session_id: str) -> dict[str, Any]:
        session = app.require_session(session_id, use=False)
        app.sessions().remove_session(session.name)
        return public_info(session)

    return routes
