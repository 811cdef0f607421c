"""The change of a champion that is under way, written down before it begins so that the next operation can end it after a crash."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from gliolabel.state.audit import AuditLog
from gliolabel.state.files import delete_temporaries, replace_text

FILE = "changing.json"


class Change(BaseModel):
    """A change of champion.

    Args:
        id: unlike any other.
        event: what the audit log calls it.
        model: the model.
        version: the champion to be.
        number: its number in MLflow.
        champion: the champion before, or empty.
        actor: who asked for it.
        reason: why.
        override: without a verdict that allows it.
        decision: of the gate, or empty.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    event: Literal["promotion", "rollback"]
    model: str
    version: str
    number: int
    champion: str
    actor: str
    reason: str
    override: bool
    decision: str


class Changing:
    """The file that holds the change under way, if there is one.

    Args:
        folder: where it lies.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def begin(self, change: Change) -> None:
        """Write it down.

        Raises:
            UnavailableError: the disk is full or cannot be written. Nothing has changed.
        """
        replace_text(self._path, change.model_dump_json() + "\n")

    def left(self) -> Change | None:
        """A change that was begun and not ended, if any."""
        try:
            return Change.model_validate(json.loads(self._path.read_text(encoding="utf-8")))
        except (OSError, ValueError, ValidationError):
            return None

    def tidy(self) -> None:
        """Delete what a process that was killed here left. By one process of a state folder at a time."""
        delete_temporaries(self._path)

    def end(self) -> None:
        """It is done, or was never done."""
        self._path.unlink(missing_ok=True)


def note(change: Change, audit: AuditLog) -> None:
    """Write a change that took place down in the audit log; nothing if it stands there already.

    A promotion without a verdict that allows it is two events: the ``override`` and the ``promotion``.
    """
    events: list[str] = [*(["override"] if change.override else []), change.event]
    for event in events:
        there = audit.entries(event=event, model=change.model, version=change.version)
        if not any(row.details.get("change") == change.id for row in there):
            audit.add(
                event,
                actor=change.actor,
                model=change.model,
                version=change.version,
                reason=change.reason,
                details={"change": change.id, "champion_before": change.champion, "decision": change.decision},
            )
