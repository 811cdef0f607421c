"""What one check found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True)
class Check:
    """One finding.

    Args:
        name: what was looked at.
        level: how bad it is.
        message: what was found, with values.
        fix: what to do, unless all is well.
        details: the values for a machine; must be JSON.
    """

    name: str
    level: Level
    message: str
    fix: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {"name": self.name, "level": self.level.value, "message": self.message, "fix": self.fix, "details": dict(self.details)}
