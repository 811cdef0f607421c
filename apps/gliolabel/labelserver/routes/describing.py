"""``/openapi.json``, from which ``/docs`` is made: our routes where MONAI Label has one of the same address."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi


def describe_what_answers(server: FastAPI) -> None:
    """Let the server describe the routes that answer.

    Of two routes at one address the first answers, and FastAPI describes the last.

    Args:
        server: with all its routes.
    """

    def described() -> dict[str, Any]:
        if server.openapi_schema is None:
            routes = list(reversed(server.routes))
            server.openapi_schema = get_openapi(
                title=server.title, version=server.version, openapi_version=server.openapi_version, routes=routes
            )
        return server.openapi_schema

    server.openapi_schema = None
    server.openapi = described  # type: ignore[method-assign]
