"""``POST /activelearning/{strategy}``: Next Sample."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Body, Depends, Request
from monailabel.config import settings
from monailabel.endpoints.user.auth import RBAC, User

from gliolabel.labelserver.door.addresses import from_here
from gliolabel.labelserver.routes.people import client_of, reader_of
from gliolabel.labelserver.strategies import HOLDER
from gliolabel.labelserver.wire import check_params

if TYPE_CHECKING:
    from gliolabel.labelserver.case_app import CaseApp

_USER = RBAC(settings.MONAI_LABEL_AUTH_ROLE_USER)


def router(app: CaseApp) -> APIRouter:
    """The route."""
    routes = APIRouter(prefix=settings.MONAI_LABEL_API_STR + "/activelearning", tags=["ActiveLearning"])

    @routes.post("/{strategy}", summary="The case to do next")
    def next_sample(
        strategy: str,
        http: Request,
        user: Annotated[User, Depends(_USER)],
        params: Annotated[dict[str, Any] | None, Body()] = None,
    ) -> dict[str, Any]:
        request = check_params(dict(params or {}))
        client, holder = client_of(user, request.get("client_id")), reader_of(user, request.get("client_id"), http)
        with app.choosing:  # the database sees to it as well; here nobody has to try twice
            sample = app.next_sample({**request, "strategy": strategy, HOLDER: holder})
        if sample:
            app.login.open_image(http, sample["id"], user=user)
            app.cases.update_image_info(sample["id"], {"strategy": {strategy: {"ts": round(time.time(), 3), "client_id": client}}})
        return sample if from_here(http.scope) else {key: value for key, value in sample.items() if key != "path"}

    return routes
