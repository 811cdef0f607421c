"""What every answer of the server keeps to.

Both fuzzers use it, and one of them runs in an environment of its own: nothing but the standard library is imported.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

#: A request from another machine, by way of a proxy: the server's own machine is told where things lie.
FROM_ELSEWHERE = {"X-Forwarded-For": "192.0.2.7"}
#: A sentence for a person, and the number under which the log has more.
_SENTENCE = re.compile(r"\S[^\n\r]{3,1500}\S \(request [0-9A-Za-z_-]{8,64}\)")


def broken_promise(method: str, status: int, kind: str, body: bytes, *, hidden: Sequence[str]) -> str | None:
    """What an answer does that no answer may, or None.

    Args:
        method: of the request.
        status: of the answer.
        kind: its content type.
        body: its body.
        hidden: places on the server that are nobody's business.
    """
    if status >= 500 and status != 503:
        return f"status {status}"
    if status >= 400 and method != "HEAD":
        try:
            detail = json.loads(body)["detail"]
        except (ValueError, KeyError, TypeError):
            return f"status {status} without a detail"
        if not isinstance(detail, str) or _SENTENCE.fullmatch(detail) is None:
            return f"status {status} with a detail that is no sentence: {detail!r}"
        if "Traceback" in detail or re.search(r"\b[A-Z][a-z]+Error\b|<class '|object at 0x|\bcodec\b|UploadFile", detail):
            return f"status {status} with a programmer's detail: {detail!r}"
    if kind.startswith(("application/json", "text/")) or status >= 400:
        for place in hidden:
            if place.encode() in body or json.dumps(place)[1:-1].encode() in body:
                return f"tells the place {place}"
    return None
