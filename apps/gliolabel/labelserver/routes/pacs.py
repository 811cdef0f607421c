"""``GET /proxy/dicom/...``: what a viewer in the browser reads of the PACS.

MONAI Label's own waits for the PACS on the event loop, without a limit, passes stores on with the server's login, and asks for any
address on the PACS's host. Ours reads studies only.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from fastapi import APIRouter, Depends, Request, Response
from monailabel.config import settings
from monailabel.endpoints.user.auth import RBAC

from gliolabel.dicom import DicomWebStudies
from gliolabel.errors import InputError, UnknownError

if TYPE_CHECKING:
    from gliolabel.labelserver.case_app import CaseApp

_USER = RBAC(settings.MONAI_LABEL_AUTH_ROLE_USER)
#: Resources of DICOMweb that are read, and nothing that could lead out of them.
_READABLE: Final = re.compile(r"(?:studies|series|instances)(?:/[A-Za-z0-9][A-Za-z0-9.,-]*)*/?")


def router(app: CaseApp) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/proxy/dicom", tags=["Others"], dependencies=[Depends(_USER)], include_in_schema=False)

    @routes.get("/{path:path}")
    def read(path: str, request: Request) -> Response:
        store = app.cases.studies
        if not isinstance(store, DicomWebStudies):
            raise UnknownError("This server has no PACS: its studies lie in a folder.")
        resource = re.sub(r"^(?:wado|qido)/", "", path)
        if _READABLE.fullmatch(resource) is None:
            raise InputError("Of the PACS only studies, series and instances can be read here.")
        status, kind, body = store.pacs.forward(resource, query=request.url.query, accept=request.headers.get("accept", "*/*"))
        return Response(body, status_code=status, media_type=kind)

    @routes.api_route("/{path:path}", methods=["POST", "PUT", "DELETE"])
    def write(path: str) -> Response:
        return Response('{"detail":"This server only reads the PACS."}', status_code=405, media_type="application/json")

    return routes
