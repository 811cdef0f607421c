"""Which web pages may ask this server.

MONAI Label allows every page of every site, with the user's login, and ignores its own setting (it compares ``https://x/`` with
``https://x``). Without permission a browser keeps answers from a page, but still sends what forms can send: so a request that changes
something is refused when a page of another site sent it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from gliolabel.errors import ForbiddenError

#: Methods that change nothing.
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
#: What a page may read of an answer beside its body.
_SHOWN: Final = ("X-Request-ID", "Retry-After", "Content-Disposition")


def named_origins(text: str) -> tuple[str, ...]:
    """Origins from a list with commas between them.

    Raises:
        ValueError: one is no origin; ``*`` is none.

    Example:
        >>> named_origins("https://viewer.example/, http://localhost:3000")
        ('https://viewer.example', 'http://localhost:3000')
    """
    found = []
    for part in filter(None, (part.strip().rstrip("/") for part in text.split(","))):
        split = urlsplit(part)
        if split.scheme not in ("http", "https") or not split.hostname or f"{split.scheme}://{split.netloc}" != part or "*" in part:
            raise ValueError(f"expected origins such as https://viewer.example with commas between them, not {part!r}")
        found.append(part.lower())
    return tuple(found)


def permission(origins: Sequence[str]) -> list[Middleware]:
    """What tells browsers that pages of these origins may read answers; nothing, if there are none.

    Args:
        origins: as of :func:`named_origins`. The server's own pages need no permission.
    """
    if not origins:
        return []
    everything = ["*"]
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_credentials=True,
            allow_methods=everything,
            allow_headers=everything,
            expose_headers=list(_SHOWN),
        )
    ]


class OwnPages:
    """Refuses changes that pages of other sites ask for. Programs, such as Slicer, name no origin and are not concerned."""

    def __init__(self, app: ASGIApp, *, origins: Sequence[str]) -> None:
        self._app, self._origins = app, frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http" and scope["method"] not in _READING:
            headers = Headers(scope=scope)
            origin = headers.get("origin")
            if origin is not None and origin.lower() not in self._origins and not _same_host(origin, headers):
                raise ForbiddenError(
                    f"A page of {origin[:128]!r} may not change anything here. If it should, name it at the start: --conf cors_origins."
                )
        await self._app(scope, receive, send)


def _same_host(origin: str, headers: Headers) -> bool:
    own = (headers.get("x-forwarded-host") or headers.get("host") or "").split(",")[0].strip()
    try:
        host = urlsplit(origin).hostname
        return host is not None and host == urlsplit(f"//{own}").hostname
    except ValueError:
        return False
