"""``POST`` and ``GET /results/``: sending a case's results to where its images come from, and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends
from monailabel.config import settings
from monailabel.endpoints.user.auth import RBAC, User

from gliolabel.dicom.results.gathering import What
from gliolabel.errors import InputError, UnknownError
from gliolabel.labelserver.routes.people import client_of
from gliolabel.labelserver.sending import Sending, told
from gliolabel.state.labels import FINAL

if TYPE_CHECKING:
    from gliolabel.labelserver.case_app import CaseApp

_ANNOTATOR = RBAC(settings.MONAI_LABEL_AUTH_ROLE_ANNOTATOR)
_USER = RBAC(settings.MONAI_LABEL_AUTH_ROLE_USER)


def router(app: CaseApp) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix=settings.MONAI_LABEL_API_STR + "/results", tags=["Results"])

    @routes.post("/", status_code=202, summary="Send a case's results to the PACS")
    def send(image: str, user: Annotated[User, Depends(_ANNOTATOR)], what: What = "final", client_id: str = "") -> dict[str, Any]:
        sending = _sending(app)
        if app.cases.require(image) not in app.cases.studies:
            raise InputError(f"{image} was uploaded and belongs to no DICOM study, so its results have no place in the PACS.")
        version = 0
        if what == FINAL:
            newest = app.cases.labels.newest(image, FINAL)
            if newest is None or newest.path is None:
                raise UnknownError(f"Case {image!r} has no accepted label that was submitted here. Submit one first.")
            version = newest.version
        elif app.cases.maps.current(image) is None:
            raise UnknownError(f"Case {image!r} has no mask by a model that has its uncertainty. Segment it first.")
        return told(sending.ask(image, what=what, version=version, actor=client_of(user, client_id) or "a client"))

    @routes.get("/", summary="What became of a case's results", dependencies=[Depends(_USER)])
    def results(image: str) -> list[dict[str, Any]]:
        return _sending(app).of(app.cases.require(image))

    return routes


def _sending(app: CaseApp) -> Sending:
    if app.sending is None:
        raise InputError("The studies of this server are no DICOM, so there is no study that results could be part of.")
    return app.sending
