"""Trainings in the background, one at a time: started, watched and stopped over the wire, making way for readers."""

from __future__ import annotations

import logging
import threading
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from monailabel.interfaces.tasks.train import TrainTask

from gliolabel.errors import ConflictError, GlioLabelError, UnknownError
from gliolabel.labelserver.background import BackgroundRun, OneAtATime, now
from gliolabel.labelserver.datastore import CaseDatastore
from gliolabel.labelserver.readers import Readers
from gliolabel.labelserver.results import json_safe

_LOG = logging.getLogger(__name__)


class StoppedTrainingError(Exception):
    """The training was stopped; its last checkpoint stays."""


@dataclass(eq=False)
class TrainingRun(BackgroundRun):
    """A training.

    Args:
        model: name of the trainer.
        request: its options.
        readers: whom it makes way for.
    """

    model: str
    request: Mapping[str, Any]
    readers: Readers
    result: dict[str, Any] = field(default_factory=dict)

    def say(self, line: str) -> None:
        """A line for the log and for whoever asks for the status."""
        self.details.append(line)
        _LOG.info("training %s: %s", self.model, line)

    def pause(self) -> None:
        """To be called between steps: waits while a reader's request is worked on.

        Raises:
            StoppedTrainingError: the training is to stop.
        """
        self.readers.wait_until_idle(unless=self.stopping.is_set)
        if self.stopping.is_set():
            raise StoppedTrainingError

    def report(self) -> dict[str, Any]:
        """What a client is told."""
        result = {} if self.ended is None else {"result": json_safe(self.result)}
        return self.told({**self.request, "model": self.model}, **result)


class BackgroundTrainTask(TrainTask):
    """A trainer that is run by :class:`TrainingRuns`."""

    def check(self, request: Mapping[str, Any]) -> None:
        """Refuse what can be refused before anything is done.

        Raises:
            GlioLabelError: the request cannot be used; whoever sent it is told.
        """

    @abstractmethod
    def train(self, request: Mapping[str, Any], cases: CaseDatastore, run: TrainingRun) -> dict[str, Any]:
        """Train; call ``run.pause()`` between steps. Returns what is to be said about the result.

        Raises:
            GlioLabelError: it cannot be done; the message is shown to whoever asks for the status.
        """

    def __call__(self, request: Mapping[str, Any], datastore: CaseDatastore) -> dict[str, Any]:
        """MONAI Label's interface: train here and now."""
        return self.train(request, datastore, TrainingRun(type(self).__name__, dict(request), Readers()))


class TrainingRuns(OneAtATime[TrainingRun]):
    """Trainings, one at a time, in a thread of the server.

    MONAI Label's own start a second server for each training, lose its last words, go on when the server is stopped and show a queued run
    as one that has ended.

    Args:
        trainers: by name.
        cases: what they learn from.
        readers: whom they make way for.
    """

    def __init__(self, trainers: Mapping[str, TrainTask], cases: CaseDatastore, readers: Readers) -> None:
        super().__init__()
        self._trainers = trainers
        self._cases = cases
        self._readers = readers

    def start(self, model: str, request: Mapping[str, Any], *, wait: bool = False) -> TrainingRun:
        """Start a training.

        Args:
            model: name of the trainer.
            request: its options.
            wait: return when it is over.

        Raises:
            UnknownError: no such trainer.
            ConflictError: a training is under way.
            GlioLabelError: the options cannot be used.
        """
        trainer = self._trainers.get(model)
        if not isinstance(trainer, BackgroundTrainTask):
            raise UnknownError(f"There is no trainer {model[:64]!r} here. There are: {', '.join(self._trainers) or 'none'}.")
        trainer.check(request)
        with self._lock:
            if self.running:
                raise ConflictError("A training is under way. Wait for it, or stop it first.")
            run = self._run = TrainingRun(model, dict(request), self._readers)
            self._thread = threading.Thread(target=self._work, args=(trainer, run), name="training", daemon=True)
            self._thread.start()
        if wait:
            self._thread.join()
        return run

    def _work(self, trainer: BackgroundTrainTask, run: TrainingRun) -> None:
        run.status = "RUNNING"
        status = "DONE"
        try:
            run.result = trainer.train(run.request, self._cases, run)
        except StoppedTrainingError:
            status = "STOPPED"
        except Exception as error:
            status = "ERROR"
            if isinstance(error, GlioLabelError):
                run.say(f"stopped by an error: {error}")
            else:
                run.say(f"stopped by a mistake of the program ({type(error).__name__}); the server's log says where")
                _LOG.error("training %s", run.model, exc_info=error)
        finally:
            run.ended = now()
            run.say(status)
            run.status = status
