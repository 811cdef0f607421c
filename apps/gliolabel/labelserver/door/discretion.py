"""Where things lie on the server is told to nobody on another machine.

MONAI Label tells every client absolute paths: of images (the plugin opens them when it can read them), sessions and whatever an error
names. A client on the server's own machine is still told.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gliolabel.labelserver.door.addresses import from_here

#: Folders of every server, and what they are called instead.
_EVERYWHERE: Final[Mapping[str, str]] = {
    tempfile.gettempdir(): "(temporary folder)",
    sys.prefix: "(installation)",
    os.path.expanduser("~"): "(home folder)",
}


class Discretion:
    """Puts words in place of the server's folders in what is told as JSON, errors too.

    Args:
        app: what answers.
        folders: paths, and what they are called.
    """

    def __init__(self, app: ASGIApp, *, folders: Mapping[str, str]) -> None:
        self._app = app
        named = {folder: word for folder, word in {**_EVERYWHERE, **folders}.items() if len(Path(folder).parts) > 1}
        self._words = {_encoded(folder, ascii_only): word.encode() for folder, word in named.items() for ascii_only in (True, False)}
        longest_first = sorted(self._words, key=len, reverse=True)
        self._folder = re.compile(rb"(?<![\w./-])(?:" + rb"|".join(map(re.escape, longest_first)) + rb")(?![\w-])")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or from_here(scope):
            await self._app(scope, receive, send)
            return
        start: Message | None = None
        parts: list[bytes] = []

        async def discreetly(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _is_json(message):
                start = message  # its length is not known yet
                return
            if start is None or message["type"] != "http.response.body":
                await send(message)
                return
            parts.append(message.get("body", b""))
            if message.get("more_body"):
                return
            body = self._without_folders(b"".join(parts))
            if scope["method"] != "HEAD":
                MutableHeaders(scope=start)["content-length"] = str(len(body))
            await send(start)
            await send({"type": "http.response.body", "body": body})

        await self._app(scope, receive, discreetly)

    def _without_folders(self, body: bytes) -> bytes:
        # This runs on the event loop. Most answers name no folder, and the list of ten thousand cases is long: looking is many times
        # quicker than replacing.
        if not any(folder in body for folder in self._words):
            return body
        return self._folder.sub(lambda found: self._words[found[0]], body)


def _is_json(message: Message) -> bool:
    return Headers(raw=message["headers"]).get("content-type", "").startswith("application/json")


def _encoded(folder: str, ascii_only: bool) -> bytes:
    return json.dumps(folder, ensure_ascii=ascii_only)[1:-1].encode()
