"""What is told to those who are not logged in."""

from __future__ import annotations

from typing import ClassVar

from gliolabel.errors import GlioLabelError


class LoginError(GlioLabelError):
    """Nobody is logged in: no token, one that cannot be accepted, or a wrong password."""

    status = 401
    #: Of the answer; HTTP asks for it.
    headers: ClassVar[dict[str, str]] = {"WWW-Authenticate": "Bearer"}
