"""``POST``, ``GET`` and ``DELETE /scoring``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Body, Depends, HTTPException, Query
from monailabel.config import settings
from monailabel.endpoints.user.auth import RBAC

from gliolabel.errors import ConflictError, UnknownError
from gliolabel.labelserver.scoring_runs import METHOD
from gliolabel.labelserver.wire import check_params

if TYPE_CHECKING:
    from gliolabel.labelserver.case_app import CaseApp

_ANNOTATOR = RBAC(settings.MONAI_LABEL_AUTH_ROLE_ANNOTATOR)
_USER = RBAC(settings.MONAI_LABEL_AUTH_ROLE_USER)


def router(app: CaseApp) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix=settings.MONAI_LABEL_API_STR + "/scoring", tags=["Scoring"])

    @routes.post("/", summary="Score all cases in the background", dependencies=[Depends(_ANNOTATOR)])
    def start_all(params: Annotated[dict[str, Any] | None, Body()] = None, run_sync: bool = False) -> dict[str, Any]:
        check_params(dict(params or {}))
        try:
            return {METHOD: {"result": app.scorings.start(wait=run_sync).report(), "detail": None}}
        except ConflictError as error:
            run = app.scorings.last
            return {METHOD: {"result": None if run is None else run.report(), "detail": str(error)}}

    @routes.post("/{method}", summary="Score all cases in the background", dependencies=[Depends(_ANNOTATOR)])
    def start(method: str, params: Annotated[dict[str, Any] | None, Body()] = None, run_sync: bool = False) -> dict[str, Any]:
        check_params(dict(params or {}))
        if method != METHOD:
            raise UnknownError(f"There is no scoring method {method[:64]!r}. There is: {METHOD}.")
        try:
            return app.scorings.start(wait=run_sync).report()
        except ConflictError as error:
            # MONAI Label's clients know 429 for this.
            raise HTTPException(status_code=429, detail=str(error)) from error

    @routes.get("/", summary="The scoring that is under way, or the last one", dependencies=[Depends(_USER)])
    def status(whole: Annotated[bool, Query(alias="all")] = False, check_if_running: bool = False) -> Any:
        run = app.scorings.last
        if run is None or (check_if_running and not app.scorings.running):
            raise HTTPException(status_code=404, detail="No scoring is under way." if check_if_running else "There was no scoring yet.")
        return [run.report()] if whole else run.report()

    @routes.delete("/", summary="Stop the scoring that is under way", dependencies=[Depends(_ANNOTATOR)])
    def stop() -> Any:
        run = app.scorings.stop()
        return None if run is None else run.report()

    return routes
