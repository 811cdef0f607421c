"""The rest of ``/datastore``: what is known of images and labels, removing them, and the archive.

MONAI Label's own block the server while they read and write, and answer what is no JSON with an internal error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import FileResponse
from monailabel.config import settings
from monailabel.endpoints.user.auth import RBAC, User

from gliolabel.errors import UnknownError
from gliolabel.labelserver.door.addresses import from_here
from gliolabel.labelserver.login import login_is_on
from gliolabel.labelserver.wire import label_tag, read_params

if TYPE_CHECKING:
    from gliolabel.labelserver.case_app import CaseApp

_ADMIN = RBAC(settings.MONAI_LABEL_AUTH_ROLE_ADMIN)
_ANNOTATOR = RBAC(settings.MONAI_LABEL_AUTH_ROLE_ANNOTATOR)
_USER = RBAC(settings.MONAI_LABEL_AUTH_ROLE_USER)


def router(app: CaseApp) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix=settings.MONAI_LABEL_API_STR + "/datastore", tags=["Datastore"])

    @routes.delete("/", summary="Remove an uploaded volume and its labels", dependencies=[Depends(_ADMIN)], include_in_schema=False)
    @routes.delete("/image", summary="Remove an uploaded volume and its labels", dependencies=[Depends(_ADMIN)])
    def remove_image(id: str) -> dict[str, Any]:  # noqa: A002 - the parameter's name on the wire
        app.cases.remove_image(id)
        return {}

    @routes.head("/image", summary="Whether there is an image, and whether it is that one", dependencies=[Depends(_USER)])
    def image_is_there(image: str, check_sum: str | None = None) -> Response:
        checksum = app.cases.get_image_info(image)["checksum"]
        if check_sum and check_sum.lower() not in (checksum.lower(), checksum.lower().removeprefix("sha256:")):
            raise UnknownError(f"The image {image!r} has another checksum, or it was not made with SHA256.")
        return Response()

    @routes.get("/image/info", summary="What is known of an image", dependencies=[Depends(_USER)])
    def image_info(image: str, http: Request) -> dict[str, Any]:
        info = app.cases.get_image_info(image)
        return info if from_here(http.scope) else {key: value for key, value in info.items() if key != "path"}

    @routes.put("/image/info", summary="Add to what is known of an image")
    def update_image_info(image: str, user: Annotated[User, Depends(_ANNOTATOR)], info: Annotated[str, Form()] = "{}") -> None:
        app.cases.update_image_info(image, _of_user(read_params(info, refused=()), user))

    @routes.delete("/label", summary="Remove a label", dependencies=[Depends(_ADMIN)])
    def remove_label(id: str, tag: str) -> dict[str, Any]:  # noqa: A002
        app.cases.remove_label(id, label_tag(tag))
        return {}

    @routes.head("/label", summary="Whether there is a label", dependencies=[Depends(_USER)])
    def label_is_there(image: str, tag: str) -> Response:
        app.cases.get_label_info(image, label_tag(tag))
        return Response()

    @routes.get("/label/info", summary="What is known of a label", dependencies=[Depends(_USER)])
    def label_info(label: str, tag: str) -> dict[str, Any]:
        return app.cases.get_label_info(label, label_tag(tag))

    @routes.put("/label/info", summary="Add to what is known of a label")
    def update_label_info(label: str, tag: str, user: Annotated[User, Depends(_ANNOTATOR)], info: Annotated[str, Form()] = "{}") -> None:
        app.cases.update_label_info(label, label_tag(tag), _of_user(read_params(info, refused=()), user))

    @routes.put("/updatelabelinfo", summary="As /label/info, for the reviewer plugin", include_in_schema=False)
    def approve(label: str, tag: str, user: Annotated[User, Depends(_ANNOTATOR)], params: Annotated[str, Form()] = "{}") -> None:
        app.cases.update_label_info(label, label_tag(tag), _of_user(read_params(params, refused=()), user))

    @routes.get("/dataset", summary="The completed cases as a ZIP archive", dependencies=[Depends(_ANNOTATOR)])
    def dataset(limit_cases: Annotated[int | None, Query(ge=0)] = None) -> Response:
        return FileResponse(app.cases.get_dataset_archive(limit_cases), media_type="application/zip", filename="dataset.zip")

    return routes


def _of_user(info: dict[str, Any], user: User) -> dict[str, Any]:
    known = {key: value for key, value in info.items() if key != "user"}  # never what the client makes up
    return {**known, "user": user.username} if login_is_on() else known
