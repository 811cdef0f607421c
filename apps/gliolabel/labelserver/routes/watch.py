"""``GET /healthz`` and ``GET /metrics``, for machines that watch the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Depends, Response
from fastapi.responses import JSONResponse
from monailabel.config import settings
from monailabel.endpoints.user.auth import RBAC
from prometheus_client import CONTENT_TYPE_LATEST

from gliolabel.labelserver.watching.health import unwell

if TYPE_CHECKING:
    from gliolabel.labelserver.case_app import CaseApp

_ADMIN = RBAC(settings.MONAI_LABEL_AUTH_ROLE_ADMIN)


def router(app: CaseApp) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix=settings.MONAI_LABEL_API_STR, tags=["Others"])

    @routes.get("/healthz", summary="Whether the server is well; for everybody")
    def healthz() -> JSONResponse:
        wrong = unwell(app)
        return JSONResponse({"status": "unwell" if wrong else "ok", "problems": wrong}, status_code=503 if wrong else 200)

    @routes.get("/metrics", summary="Figures for Prometheus", dependencies=[Depends(_ADMIN)])
    def metrics() -> Response:
        return Response(app.figures.text(), media_type=CONTENT_TYPE_LATEST)

    return routes
