"""Who a request comes from."""

from __future__ import annotations

from typing import Final

from fastapi import Request
from monailabel.endpoints.user.auth import User

from gliolabel.labelserver.login import login_is_on

#: A client id is free text; so much of it is kept.
_CLIENT_LENGTH: Final = 128


def client_of(user: User, client_id: object) -> str:
    """The name a reader goes by: of the login, or what the client calls itself without one."""
    return str(user.username if login_is_on() else client_id or "")[:_CLIENT_LENGTH]


def reader_of(user: User, client_id: object, http: Request) -> str:
    """Tells two readers apart: by the login, or by client id and address.

    ``user-xyz`` is everybody's client id until somebody sets another, so two of them are told apart by their addresses.
    """
    client = client_of(user, client_id)
    return f"user {client}" if login_is_on() else f"{client} at {http.client.host if http.client else ''}"
