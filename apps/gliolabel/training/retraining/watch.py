"""Who looks on while a model is retrained: is told how far it is, and may hold it up or stop it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class StoppedError(Exception):
    """Somebody stopped the training; it is not to be continued."""


class Watch(Protocol):
    """Looks on."""

    def say(self, line: str) -> None:
        """A line for people."""

    def progress(self, stats: Mapping[str, Any]) -> None:
        """How far it is.

        Args:
            stats: ``epoch`` (with its fraction), ``total_epochs``, and once known ``best_metric`` (the Dice of the best epoch so far on the
                validation cases, 0 to 1), ``loss``, ``seconds_left``.
        """

    def pause(self) -> None:
        """Called between steps: returns when the next may begin.

        Raises:
            StoppedError: the training is to stop.
        """
