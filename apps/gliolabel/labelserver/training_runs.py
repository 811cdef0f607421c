"""Trainings in the background, one at a time: started, watched and stopped over the wire, making way for readers."""

from __future__ import annotations

import logging
import threading
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from monailabel.interfaces.tasks.train import TrainTask

from gliolabel.errors import ConflictError, GlioLabelError, UnknownError
from gliolabel.labelserver.background import BackgroundRun, OneAtATime, now
from gliolabel.labelserver.datastore import CaseDatastore
from gliolabel.labelserver.readers import Readers
from gliolabel.labelserver.results import json_safe
from gliolabel.training.retraining.job import Owner

if TYPE_CHECKING:
    from gliolabel.labelserver.routes.askers import Asker

_LOG = logging.getLogger(__name__)


#: Who began a training that nobody asked for over the wire.
ITSELF: Final = Owner(name="gliolabel")


class StoppedTrainingError(Exception):
    """The training was stopped; its last checkpoint stays."""


@dataclass(eq=False)
class TrainingRun(BackgroundRun):
    """A training.

    Args:
        model: name of the trainer.
        request: its options.
        readers: whom it makes way for.
        owner: who began it.
        prepared: what the trainer made of the request.
        stopped_by: who stopped it. Empty while :attr:`stopping` is set: the server is going down.
        stats: how far it is, in MONAI Label's words: ``epoch``, ``total_epochs``, ``best_metric``.
    """

    model: str
    request: Mapping[str, Any]
    readers: Readers
    owner: Owner = ITSELF
    prepared: Any = None
    stopped_by: str = ""
    stats: dict[str, Any] = field(default_factory=dict)
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
        return self.told({**self.request, "model": self.model}, owner=self.owner.name, progress=dict(self.stats), **result)

    def so_far(self) -> str:
        """How far it is, for people."""
        if not self.stats.get("total_epochs"):
            return "it has just begun"
        return f"epoch {self.stats.get('epoch', 0):g} of {self.stats['total_epochs']}"


class BackgroundTrainTask(TrainTask):
    """A trainer that is run by :class:`TrainingRuns`."""

    def prepare(self, request: Mapping[str, Any], owner: Owner) -> Any:
        """Refuse what can be refused before anything is done.

        Args:
            request: the options.
            owner: who asks.

        Returns:
            What :meth:`train` finds as ``run.prepared``.

        Raises:
            GlioLabelError: the request cannot be used; whoever sent it is told.
        """
        return None

    def interrupted(self) -> tuple[Any, Owner] | None:
        """A training that an earlier server began and neither ended nor stopped, as :meth:`prepare` gives it, and who began it."""
        return None

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

    def start(self, model: str, request: Mapping[str, Any], *, owner: Owner = ITSELF, wait: bool = False) -> TrainingRun:
        """Start a training.

        Args:
            model: name of the trainer.
            request: its options.
            owner: who asks.
            wait: return when it is over.

        Raises:
            UnknownError: no such trainer.
            ConflictError: a training is under way.
            GlioLabelError: the options cannot be used.
        """
        trainer = self._trainers.get(model)
        if not isinstance(trainer, BackgroundTrainTask):
            raise UnknownError(f"There is no trainer {model[:64]!r} here. There are: {', '.join(self._trainers) or 'none'}.")
        with self._lock:
            if self._run is not None and self.running:
                raise ConflictError(
                    f"A training of {self._run.model} by {self._run.owner.name} is under way ({self._run.so_far()}). "
                    "Wait for it, or stop it first."
                )
            thread, run = self._begin(trainer, TrainingRun(model, dict(request), self._readers, owner, trainer.prepare(request, owner)))
        if wait:
            thread.join()
        return run

    def go_on(self) -> TrainingRun | None:
        """Continue a training that an earlier server began and did not end. Returns it, or None when there is none."""
        with self._lock:
            for model, trainer in self._trainers.items():
                left = trainer.interrupted() if isinstance(trainer, BackgroundTrainTask) and not self.running else None
                if left is not None:
                    prepared, owner = left
                    return self._begin(trainer, TrainingRun(model, {}, self._readers, owner, prepared))[1]
        return None

    def stop_for(self, asker: Asker) -> TrainingRun | None:
        """Stop the training that is under way, for somebody. Returns it, or None when there was none.

        Raises:
            ConflictError: it is another's; the message names whose, and how far it is.
        """
        run = self._run if self.running else None
        if run is None:
            return None
        if not asker.may_stop(run.owner):
            raise ConflictError(
                f"The training of {run.model} was begun by {run.owner.name}, and {run.so_far()} is done. "
                f"Only {run.owner.name} or an administrator can stop it."
            )
        run.stopped_by = asker.name or run.owner.name
        run.say(f"{run.stopped_by} stops it")
        return self.stop()

    def _begin(self, trainer: BackgroundTrainTask, run: TrainingRun) -> tuple[threading.Thread, TrainingRun]:
        thread = threading.Thread(target=self._work, args=(trainer, run), name="training", daemon=True)
        self._run, self._thread = run, thread
        thread.start()
        return thread, run

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
