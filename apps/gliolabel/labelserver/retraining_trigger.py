"""Retraining that begins by itself: after so many newly accepted labels, or at a set hour."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import Any, Final, Protocol

from gliolabel.errors import ConflictError, GlioLabelError
from gliolabel.labelserver.training_runs import TrainingRuns
from gliolabel.training.retraining.job import Owner

_LOG = logging.getLogger(__name__)
#: Seconds between two looks.
_LOOK_S: Final = 5.0


class Accepted(Protocol):
    """Counts accepted labels: :class:`~gliolabel.labelserver.retrainings.Retrainings`."""

    def newly_accepted(self, model: str) -> int:
        """How many labels were accepted since the last training of a model was asked for."""


class RetrainingTrigger:
    """Begins trainings of one model.

    What it counts lies in the database and in the folder of trainings, so a restart forgets nothing. An hour that passes while the server
    is down is not made up for: a training in the middle of the day is not what was asked for.

    Args:
        model: which model.
        accepted: counts.
        trainings: where it begins them.
        after: begin after so many newly accepted labels; None: never for that reason.
        at: begin at this local time if there is at least one; None: never for that reason.
        clock: the local time.
    """

    def __init__(
        self,
        model: str,
        accepted: Accepted,
        trainings: TrainingRuns,
        *,
        after: int | None,
        at: time | None,
        clock: Callable[[], datetime] = datetime.now,
    ) -> None:
        self._model, self._accepted, self._trainings = model, accepted, trainings
        self._after, self._at, self._clock = after, at, clock
        self._looked = clock()
        self._due = False
        self._refused_at = 0
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def on(self) -> bool:
        """Whether it ever begins anything."""
        return self._after is not None or self._at is not None

    def info(self) -> dict[str, Any]:
        """Its settings and its count, for ``/info/``."""
        at = None if self._at is None else f"{self._at:%H:%M}"
        counted = self._accepted.newly_accepted(self._model) if self.on else None
        return {"model": self._model, "retrain_after": self._after, "retrain_at": at, "newly_accepted": counted}

    def sentence(self) -> str:
        """The same for people; nothing when it is off."""
        if not self.on:
            return ""
        when = [
            *([] if self._after is None else [f"after {self._after} newly accepted labels"]),
            *([] if self._at is None else [f"at {self._at:%H:%M}"]),
        ]
        return f"{self._model} is retrained by itself {' and '.join(when)} ({self._accepted.newly_accepted(self._model)} so far)."

    def start(self) -> None:
        """Look from now on."""
        if self.on and self._thread is None:
            self._thread = threading.Thread(target=self._work, name="retraining-trigger", daemon=True)
            self._thread.start()

    def give_up(self) -> None:
        """Look no more. Returns at once."""
        self._closing.set()

    def look(self) -> bool:
        """Begin a training if it is time. Returns whether one was begun."""
        now = self._clock()
        if self._at is not None and self._looked < _last(self._at, now) <= now:
            self._due = True
        self._looked = now
        count = self._accepted.newly_accepted(self._model)
        enough = self._after is not None and count >= self._after
        if not (enough or self._due) or count in (0, self._refused_at):
            self._due = self._due and count > 0 and count != self._refused_at
            return False
        if self._trainings.running:
            return False
        why = f"retrain_after {self._after}" if enough else f"retrain_at {self._at:%H:%M}"
        try:
            self._trainings.start(self._model, {}, owner=Owner(name=f"gliolabel ({why})"))
        except ConflictError:
            return False  # somebody was quicker
        except GlioLabelError as error:
            # Nothing to learn from, say: tried again when there is another label.
            self._refused_at = count
            _LOG.warning("retraining %s by itself (%s, %d newly accepted labels): %s", self._model, why, count, error)
            return False
        finally:
            self._due = False
        _LOG.info("retraining %s by itself: %s, %d newly accepted labels", self._model, why, count)
        return True

    def _work(self) -> None:
        while not self._closing.wait(_LOOK_S):
            try:
                self.look()
            except Exception:  # the database is away, say: the next look tries again
                _LOG.exception("whether to retrain cannot be told")


def _last(at: time, now: datetime) -> datetime:
    """When it was this time of the day last."""
    today = datetime.combine(now.date(), at)
    return today if today <= now else today - timedelta(days=1)
