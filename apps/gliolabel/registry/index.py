"""``served.json``: what the registry holds, as serving reads it. A copy of MLflow's record in one small file, replaced by rename."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from gliolabel.errors import UnavailableError
from gliolabel.state.files import delete_temporaries, replace_text

FILE = "served.json"


class Entry(BaseModel):
    """One version of a model.

    Args:
        version: its name, e.g. ``site-1``.
        number: MLflow's.
        file: its weights: relative to the index's folder, or absolute.
        sha256: of that file.
        source: where MLflow keeps the file, as a URI.
        created: ISO 8601, UTC.
        parent: the version it was trained from, or empty.
        decision: the gate's: ``promote``, ``refuse``, ``unproven``, or empty.
        judged_against: the champion at that time, or empty.
    """

    model_config = ConfigDict(frozen=True)

    version: str
    number: int
    file: str
    sha256: str
    source: str
    created: str
    parent: str = ""
    decision: str = ""
    judged_against: str = ""


class ModelIndex(BaseModel):
    """One model.

    Args:
        champion: the version that is served, or empty.
        challenger: the version that was registered last and not promoted, or empty.
        before: the champions before this one, oldest first: the way back.
        versions: oldest first.
    """

    model_config = ConfigDict(frozen=True)

    champion: str = ""
    challenger: str = ""
    before: tuple[str, ...] = ()
    versions: tuple[Entry, ...] = ()

    def entry(self, version: str) -> Entry | None:
        """The entry of a version."""
        return next((entry for entry in self.versions if entry.version == version), None)


class Index:
    """The file, read again only when it was replaced. May be used from several threads.

    Args:
        folder: where it lies.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / FILE
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._models: dict[str, ModelIndex] = {}

    def read(self) -> dict[str, ModelIndex]:
        """What it says now, by model; nothing when there is no file.

        Raises:
            UnavailableError: it cannot be read.
        """
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._broken(error) from error
        seen = (status.st_mtime_ns, status.st_ino, status.st_size)
        with self._lock:
            if seen != self._seen:
                try:
                    content = json.loads(self._path.read_text(encoding="utf-8"))
                    self._models = {name: ModelIndex.model_validate(model) for name, model in content["models"].items()}
                except (OSError, ValueError, ValidationError, KeyError, AttributeError, TypeError) as error:
                    raise self._broken(error) from error
                self._seen = seen
            return self._models

    def write(self, models: Mapping[str, ModelIndex]) -> None:
        """Replace it.

        Raises:
            UnavailableError: the disk is full or cannot be written.
        """
        content: dict[str, Any] = {"models": {name: model.model_dump(mode="json") for name, model in models.items()}}
        replace_text(self._path, json.dumps(content, indent=1) + "\n")

    def tidy(self) -> None:
        """Delete what a process that was killed in :meth:`write` left. By one process of a state folder at a time."""
        delete_temporaries(self._path)

    def touch(self) -> None:
        """It was compared with MLflow just now."""
        with contextlib.suppress(OSError):
            os.utime(self._path)

    def older_than(self, path: Path) -> bool:
        """Whether a file was changed after it, or is there without it."""
        try:
            changed = path.stat().st_mtime_ns
        except OSError:
            return False
        try:
            return self._path.stat().st_mtime_ns < changed
        except OSError:
            return True

    def _broken(self, error: Exception) -> UnavailableError:
        return UnavailableError(
            f"{self._path} cannot be read ({error}). It is a copy of what MLflow holds: delete it, and `gliolabel models list` writes it "
            "anew."
        )
