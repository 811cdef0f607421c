"""The server's log: for people, or one JSON object a line for machines; and what MONAI Label leaves of its configuration."""

from __future__ import annotations

import logging
import sys
import tempfile
from pathlib import Path
from types import FrameType
from typing import Final, Literal

from pythonjsonlogger.json import JsonFormatter

from gliolabel.labelserver.log_handlers import log_handlers

#: Fields of a line, with the names that log collectors know.
_FIELDS: Final = {"asctime": "time", "levelname": "level", "name": "logger", "threadName": "thread"}
_REQUESTS: Final = "gliolabel.requests"


def set_up_log(kind: Literal["text", "json"]) -> None:
    """Let all handlers that MONAI Label has set up write lines of one kind.

    Both kinds go to the console and to ``logs/app.log`` of the app folder, which rotates: 11 files of 10 MiB at most.

    Args:
        kind: ``json``: one object a line with ``time``, ``level``, ``logger``, ``thread``, ``message``, ``request_id``, an error's
            traceback under ``exc_info``, and a line for each request with ``method``, ``route``, ``status`` and ``seconds``.
    """
    # A line for each request is for machines; people would no longer find what happened.
    logging.getLogger(_REQUESTS).setLevel(logging.INFO if kind == "json" else logging.WARNING)
    # MONAI Label's clock writes of itself past every handler and level.
    logging.getLogger("timeloop").disabled = True
    if kind == "text":
        return
    shape = JsonFormatter(
        "{asctime}{levelname}{name}{threadName}{message}",
        style="{",
        rename_fields=_FIELDS,
        rename_fields_keep_missing=False,
        reserved_attrs=[*_RESERVED, "request"],
    )
    for handler in log_handlers():
        handler.setFormatter(shape)


def tidy_log_configuration() -> None:
    """Delete the file that MONAI Label 0.8.5 leaves in the system's temporary folder at every start.

    It writes its log configuration there, hands the name to uvicorn and forgets it. May go when MONAI Label deletes it itself.
    """
    path = _written_configuration(sys._getframe())
    if path is not None and path.parent == Path(tempfile.gettempdir()) and path.suffix == ".json":
        path.unlink(missing_ok=True)


def _written_configuration(frame: FrameType | None) -> Path | None:
    """The name that MONAI Label's start made up, which only its own function knows; None if a person gave one."""
    while frame is not None:
        if frame.f_globals.get("__name__") in ("monailabel.main", "__main__") and "log_config" in frame.f_locals:
            written = frame.f_locals["log_config"]
            given = getattr(frame.f_locals.get("args"), "log_config", None)
            return Path(written) if isinstance(written, str) and written != given else None
        frame = frame.f_back
    return None


#: What a record has of itself; the rest are the fields that a line was given.
_RESERVED: Final = (*vars(logging.makeLogRecord({})), "asctime", "message", "color_message")
