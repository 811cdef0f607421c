"""``POST``, ``GET`` and ``DELETE /train``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Body, Depends, HTTPException, Query, Request
from monailabel.config import settings
from monailabel.endpoints.user.auth import RBAC, User, get_current_user

from gliolabel.errors import ConflictError
from gliolabel.labelserver.routes.askers import Asker
from gliolabel.labelserver.wire import check_params

if TYPE_CHECKING:
    from gliolabel.labelserver.case_app import CaseApp

_USER = RBAC(settings.MONAI_LABEL_AUTH_ROLE_USER)


def router(app: CaseApp) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix=settings.MONAI_LABEL_API_STR + "/train", tags=["Train"])
    trainers = [Depends(RBAC(app.training_role))]

    @routes.post("/{model}", summary="Train in the background", dependencies=trainers)
    def start(
        model: str,
        http: Request,
        user: Annotated[User, Depends(get_current_user)],
        params: Annotated[dict[str, Any] | None, Body()] = None,
        run_sync: bool = False,
    ) -> dict[str, Any]:
        options = check_params(dict(params or {}))
        owner = Asker.of(http, user, client_id=options.get("client_id")).owner
        try:
            return app.trainings.start(model, options, owner=owner, wait=run_sync).report()
        except ConflictError as error:
            # MONAI Label's clients know 429 for this.
            raise HTTPException(status_code=429, detail=str(error)) from error

    @routes.get("/", summary="The training that is under way, or the last one", dependencies=[Depends(_USER)])
    def status(whole: Annotated[bool, Query(alias="all")] = False, check_if_running: bool = False) -> Any:
        run = app.trainings.last
        if run is None or (check_if_running and not app.trainings.running):
            raise HTTPException(status_code=404, detail="No training is under way." if check_if_running else "There was no training yet.")
        return [run.report()] if whole else run.report()

    @routes.delete("/", summary="Stop the training that is under way, if it is yours or you are an administrator", dependencies=trainers)
    def stop(http: Request, user: Annotated[User, Depends(get_current_user)], client_id: str = "", as_administrator: bool = False) -> Any:
        asker = Asker.of(http, user, client_id=client_id, as_administrator=as_administrator)
        run = app.trainings.stop_for(asker)
        return None if run is None else run.report()

    return routes
