"""``POST /activelearning/{strategy}``: Next Sample."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Body, Depends
from monailabel.config import settings
from monailabel.endpoints.user.auth import RBAC, User

from gliolabel.labelserver.wire import check_params

if TYPE_CHECKING:
    from gliolabel.labelserver.case_app import CaseApp

_USER = RBAC(settings.MONAI_LABEL_AUTH_ROLE_USER)


def router(app: CaseApp) -> APIRouter:
    """The route."""
    routes = APIRouter(prefix=settings.MONAI_LABEL_API_STR + "/activelearning", tags=["ActiveLearning"])

    @routes.post("/{strategy}", summary="The case to do next")
    def next_sample(
        strategy: str, user: Annotated[User, Depends(_USER)], params: Annotated[dict[str, Any] | None, Body()] = None
    ) -> dict[str, Any]:
        request = check_params(dict(params or {}))
        with app.choosing:  # two readers who ask at once get different cases
            sample = app.next_sample({**request, "strategy": strategy})
            if sample:
                client = user.username if settings.MONAI_LABEL_AUTH_ENABLE else str(request.get("client_id") or "")
                offered = {strategy: {"ts": round(time.time(), 3), "client_id": client}}
                app.cases.update_image_info(sample["id"], {"strategy": offered})
        return sample

    return routes
