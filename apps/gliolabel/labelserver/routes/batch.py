"""``POST``, ``GET`` and ``DELETE /batch/infer``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Body, Depends, HTTPException, Query
from monailabel.config import settings
from monailabel.endpoints.user.auth import RBAC
from monailabel.interfaces.tasks.batch_infer import BatchInferImageType

from gliolabel.errors import ConflictError
from gliolabel.labelserver.wire import REPLACING, BatchOptions, check_params, read_options

if TYPE_CHECKING:
    from gliolabel.labelserver.case_app import CaseApp

_ADMIN = RBAC(settings.MONAI_LABEL_AUTH_ROLE_ADMIN)
_USER = RBAC(settings.MONAI_LABEL_AUTH_ROLE_USER)
#: Part of MONAI Label's own request; the options check their values.
_REFUSED = REPLACING - {"save_label", "label_tag"}


def router(app: CaseApp) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix=settings.MONAI_LABEL_API_STR + "/batch", tags=["Infer"])

    @routes.post("/infer/{model}", summary="Segment all cases in the background", dependencies=[Depends(_ADMIN)])
    def start(
        model: str,
        images: BatchInferImageType = BatchInferImageType.IMAGES_ALL,
        params: Annotated[dict[str, Any] | None, Body()] = None,
        run_sync: bool = False,
    ) -> dict[str, Any]:
        options = read_options(BatchOptions, check_params(dict(params or {}), refused=_REFUSED))
        try:
            return app.batches.start(model, images=images.value, options=options, wait=run_sync).report()
        except ConflictError as error:
            # MONAI Label's clients know 429 for this.
            raise HTTPException(status_code=429, detail=str(error)) from error

    @routes.get("/infer", summary="The batch run that is under way, or the last one", dependencies=[Depends(_USER)])
    def status(whole: Annotated[bool, Query(alias="all")] = False, check_if_running: bool = False) -> Any:
        run = app.batches.last
        if run is None or (check_if_running and not app.batches.running):
            raise HTTPException(status_code=404, detail="No batch run is under way." if check_if_running else "There was no batch run yet.")
        return [run.report()] if whole else run.report()

    @routes.delete("/infer", summary="Stop the batch run that is under way", dependencies=[Depends(_ADMIN)])
    def stop() -> Any:
        run = app.batches.stop()
        return None if run is None else run.report()

    return routes
