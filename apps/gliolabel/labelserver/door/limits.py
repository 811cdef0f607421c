"""How much a request may bring. MONAI Label takes whatever comes, until the disk is full."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import anyio
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gliolabel.errors import TooLargeError
from gliolabel.studies.headers import open_volume

#: Parameters, labels' names and the like: everything that is no file.
_WORDS_MIB: Final = 4
#: However small its numbers are in the file, a voxel is computed with in this many bytes.
_COMPUTED_BYTES: Final = 4
#: For so many seconds what is too much is read and thrown away. A client that is cut off while it sends never sees the answer.
_LINGER_S: Final = 30.0


def check_unpacked(path: Path, *, name: str, most_mib: float) -> None:
    """Refuse a volume whose voxels take more than they may. Only its header is unpacked.

    Args:
        path: the file.
        name: what the client calls it, for messages.
        most_mib: the most that its voxels may take.

    Raises:
        InputError: it is no volume of the kind that its name says.
        TooLargeError: it is too large.
    """
    stored = open_volume(path, where=f"the file {name!r}").stored
    needed = stored.count * max(stored.dtype.itemsize, _COMPUTED_BYTES)
    if needed > most_mib * 2**20:
        raise TooLargeError(
            f"The file {name!r} holds {stored.count} voxels ({needed / 2**20:.0f} MiB); this server takes volumes of up to "
            f"{most_mib:g} MiB (--conf upload_limit). Nothing was stored."
        )


class Limits:
    """Ends requests that bring too much: by what they declare, and else by what comes.

    Args:
        app: what answers the others.
        upload_mib: the most that a request with files may bring.
    """

    def __init__(self, app: ASGIApp, *, upload_mib: float) -> None:
        self._app, self._upload_mib = app, upload_mib

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        files = headers.get("content-type", "").lower().startswith("multipart/")
        most_mib = self._upload_mib if files else min(_WORDS_MIB, self._upload_mib)
        most = int(most_mib * 2**20)
        refusal = TooLargeError(
            f"The request brings more than {most_mib:g} MiB, the most that this server takes"
            + (" (--conf upload_limit). Nothing was stored." if files else " without files.")
        )
        declared = headers.get("content-length", "")
        if declared.isdigit() and int(declared[:20]) > most:
            if headers.get("expect", "").lower() != "100-continue":  # else it waits to be asked for the rest
                await _throw_away(receive)
            raise refusal
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > most:
                if message.get("more_body"):
                    await _throw_away(receive)
                raise refusal
            return message

        await self._app(scope, counted, send)


async def _throw_away(receive: Receive) -> None:
    with anyio.move_on_after(_LINGER_S):
        while True:
            message = await receive()
            if message["type"] != "http.request" or not message.get("more_body"):
                return
