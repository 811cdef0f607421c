"""``GET /auth/``, ``POST /auth/token`` and ``GET /auth/token/valid``: what the plugin's login box uses."""

from __future__ import annotations

import logging
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.security import OAuth2PasswordRequestForm
from monailabel.config import settings
from monailabel.endpoints.user.auth import User, get_current_user

from gliolabel.labelserver.login import login_is_on
from gliolabel.labelserver.login.guard import Login

_LOG = logging.getLogger(__name__)


def router(login: Login) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix=settings.MONAI_LABEL_API_STR + "/auth", tags=["Auth"])

    @routes.get("/", summary="Whether this server asks for a login")
    def enabled() -> dict[str, Any]:
        return {"enabled": login_is_on(), "client_id": login.provider.client_id, "realm": login.provider.realm}

    @routes.post("/token", summary="Log in with user name and password")
    def token(form: Annotated[OAuth2PasswordRequestForm, Depends()]) -> dict[str, str | None]:
        if not login_is_on():
            return {"access_token": None, "token_type": None}
        access_token = login.log_in(form.username, form.password)
        _LOG.info("%r logged in", form.username)
        return {"access_token": access_token, "token_type": "bearer"}

    @routes.get("/token/valid", summary="Who is logged in")
    def valid(user: Annotated[User, Depends(get_current_user)]) -> dict[str, Any]:
        return dict(user.model_dump())

    return routes
