"""Whether a server is well: what it needs at every request is there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from gliolabel.labelserver.case_app import CaseApp

#: With less the next map or label may not be stored.
_LEAST_FREE_MB: Final = 200


def unwell(app: CaseApp) -> dict[str, str]:
    """What is wrong, a sentence for each part that is; empty when all is well. No path is told: anybody may ask."""
    found = {
        "database": _database(app),
        "disk": _disk(app.folder.path),
        "studies": _studies(str(app.studies)),
        "models": "" if app.workbench.models() or app.advice() else "No model has weights.",
    }
    return {part: sentence for part, sentence in found.items() if sentence}


def _database(app: CaseApp) -> str:
    try:
        with app.database.reading() as session:
            session.connection().exec_driver_sql("SELECT 1")
    except Exception as error:  # of whichever database it is
        return f"The state database cannot be read ({type(error).__name__})."
    return ""


def _disk(folder: Path) -> str:
    try:
        free = shutil.disk_usage(folder).free / 1e6
    except OSError as error:
        return f"The state folder is gone ({error.strerror})."
    if not os.access(folder, os.W_OK):
        return "The state folder cannot be written."
    return "" if free >= _LEAST_FREE_MB else f"The disk of the state folder is nearly full: {free:.0f} MB are free."


def _studies(place: str) -> str:
    if "://" in place:
        return ""  # a PACS that is away is told to whoever needs it; cases that are kept can still be read
    return "" if os.access(place, os.R_OK) else "The study folder cannot be read."
