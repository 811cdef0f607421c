"""What MONAI Label offers and this server does not, each with the reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from fastapi import APIRouter, HTTPException
from monailabel.config import settings

if TYPE_CHECKING:
    from gliolabel.labelserver.case_app import CaseApp

_NO_SLIDES: Final = "This app segments MRI; there is no whole-slide task."
#: Method, path, status, and what the client is told.
CLOSED: Final = (
    # MONAI Label's own builds a second app beside the first, over the same files.
    ("POST", "/reload", 405, "This server is restarted by whoever runs it, not over the wire."),
    # MONAI Label's own starts a second server for each trainer.
    ("POST", "/train/", 405, "Name the model that is to be trained: POST /train/MODEL."),
    # MONAI Label's own overwrites weights that are served with whatever is sent, without looking at it.
    ("PUT", "/model/{model}", 405, "Weights are not taken over the wire. `gliolabel models` says how a version comes to be served."),
    (
        "DELETE",
        "/model/{model}",
        405,
        "Weights are not removed over the wire. `gliolabel models rollback` goes back to the version before.",
    ),
    # MONAI Label's own opens any path of the server.
    ("POST", "/infer/wsi/{model}", 404, _NO_SLIDES),
    ("POST", "/infer/wsi_v2/{model}", 404, _NO_SLIDES),
)


def router(app: CaseApp) -> APIRouter:
    """The routes."""
    routes = APIRouter(include_in_schema=False)
    for method, path, status, sentence in CLOSED:
        prefix = "" if path == "/reload" else settings.MONAI_LABEL_API_STR
        routes.add_api_route(prefix + path, _closed(status, sentence), methods=[method])
    return routes


def _closed(status: int, sentence: str) -> Callable[[], None]:
    def closed() -> None:
        raise HTTPException(status, sentence)

    return closed
