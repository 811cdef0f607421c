"""What Schemathesis checks besides its own checks. It runs where GlioLabel is not installed."""

from __future__ import annotations

import os
from typing import Any

import schemathesis
from promises import FROM_ELSEWHERE, broken_promise

HIDDEN = [place for place in os.environ.get("HIDDEN_PLACES", "").split(os.pathsep) if place]


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Every request comes from another machine."""
    case.headers = {**(case.headers or {}), **FROM_ELSEWHERE}


@schemathesis.check
def keeps_its_promises(ctx: Any, response: Any, case: Any) -> None:
    """No 500, refusals in words, no place on the server."""
    kinds = response.headers.get("content-type") or [""]
    broken = broken_promise(case.method.upper(), response.status_code, kinds[0], response.content or b"", hidden=HIDDEN)
    assert broken is None, broken
