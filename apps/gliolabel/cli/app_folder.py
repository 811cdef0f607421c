"""Where the MONAI Label app folder ``brain_tumor`` is."""

from __future__ import annotations

import sys
from pathlib import Path

import gliolabel

APP_NAME = "brain_tumor"


def find_app_folder() -> Path | None:
    """The app folder beside the source, else the one that was installed with the package, else None."""
    beside = Path(gliolabel.__file__).resolve().parents[1] / APP_NAME
    installed = [
        Path(prefix) / "monailabel" / "sample-apps" / APP_NAME
        for prefix in (sys.prefix, Path(sys.prefix) / "local", Path.home() / ".local")
    ]
    return next((folder for folder in (beside, *installed) if (folder / "main.py").is_file()), None)
