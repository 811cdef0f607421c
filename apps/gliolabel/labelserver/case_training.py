"""The trainers of the product: each retrains its model in a process of its own."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from gliolabel.errors import UnavailableError
from gliolabel.inference.devices import choose_device
from gliolabel.labelserver.datastore import CaseDatastore
from gliolabel.labelserver.retrainings import Retrainings, Wanted
from gliolabel.labelserver.training_runs import BackgroundTrainTask, StoppedTrainingError, TrainingRun
from gliolabel.labelserver.wire import read_options
from gliolabel.labelserver.workbench import Workbench
from gliolabel.training.retraining.folder import JobFolder
from gliolabel.training.retraining.job import Outcome, Owner
from gliolabel.training.retraining.planning import EPOCHS, learning_rate_of
from gliolabel.training.retraining.process import RetrainingProcess
from gliolabel.vocabulary import RESEARCH_NOTICE

_LOG = logging.getLogger(__name__)
#: Seconds between two looks at the process.
_LOOK_S: Final = 0.1
#: A training that was told to stop and does not is ended after so many seconds.
_STOP_S: Final = 10.0
_AUTOMATICALLY: Final = "automatically"
_WAIT: Final = "wait"


class RetrainOptions(BaseModel):
    """Options of a retraining. What the plugin sends beside them is ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    #: Passes of a hundred steps.
    epochs: int = Field(default=EPOCHS, ge=1, le=1000)
    #: Without it a share of the recipe's own.
    learning_rate: float | None = Field(default=None, gt=0, le=0.1)
    #: ``auto``: the device that the server computes on.
    device: str = "auto"
    #: ``wait``: also a version that the gate lets through waits for a person.
    promote: Literal["automatically", "wait"] = _AUTOMATICALLY


class RetrainTask(BackgroundTrainTask):
    """Retrains one model on all accepted labels.

    Args:
        model: its name.
        retrainings: what they learn from, and where they lie.
        workbench: serves the model, and says on which device is computed.
    """

    def __init__(self, model: str, retrainings: Retrainings, workbench: Workbench) -> None:
        super().__init__("")
        self._model, self._retrainings, self._workbench = model, retrainings, workbench
        self._stats: dict[str, Any] | None = None

    def info(self) -> dict[str, Any]:
        """Description and options, as the plugin shows them."""
        outcome = self._retrainings.last_outcome(self._model)
        last = "" if outcome is None else f" The last one: {outcome.sentence}"
        words = f"Goes on training {self._model} on all accepted labels; the result is served only if the gate lets it through.{last}"
        return {"description": f"{words} {RESEARCH_NOTICE}", "config": self.config()}

    def config(self) -> dict[str, Any]:
        """The options: flat, since the plugin knows nothing else."""
        device = self._workbench.device
        return {
            "epochs": EPOCHS,
            "learning_rate": self._learning_rate(),
            "device": [device] if device == "cpu" else [device, "cpu"],
            "promote": [_AUTOMATICALLY, _WAIT],
        }

    def stats(self) -> dict[str, Any]:
        """How far it is, or how far the last one came, in MONAI Label's words; the plugin's bars show it."""
        if self._stats is None:
            outcome = self._retrainings.last_outcome(self._model)
            self._stats = {} if outcome is None else dict(outcome.stats)
        return dict(self._stats)

    def prepare(self, request: Mapping[str, Any], owner: Owner) -> JobFolder:
        """Write down what it is made of.

        Raises:
            InputError: an option cannot be used, there is nothing to learn from, or nothing new.
            UnavailableError: the model has no weights, or the state folder cannot be written.
        """
        options = read_options(RetrainOptions, request)
        device = self._workbench.device if options.device == "auto" else str(choose_device(options.device))
        wanted = Wanted(
            model=self._model,
            epochs=options.epochs,
            learning_rate=options.learning_rate or self._learning_rate(),
            device=device,
            promote=options.promote == _AUTOMATICALLY,
            owner=owner,
        )
        return self._retrainings.begin(self._retrainings.plan(wanted))

    def interrupted(self) -> tuple[JobFolder, Owner] | None:
        """The retraining that an earlier server left."""
        folder = self._retrainings.to_continue(self._model)
        return None if folder is None else (folder, folder.job().owner)

    def train(self, request: Mapping[str, Any], cases: CaseDatastore, run: TrainingRun) -> dict[str, Any]:
        """Run the process to its end.

        Raises:
            StoppedTrainingError: somebody stopped it, or the server is going down.
            UnavailableError: it failed; the message says why.
        """
        folder: JobFolder = run.prepared if run.prepared is not None else self.prepare(request, run.owner)
        self._stats = {}
        if self._retrainings.note_start(folder):
            run.say("continued where it was interrupted")
        outcome = self._watch(folder, run)
        self._workbench.look_again()
        actor = run.stopped_by if outcome.status == "STOPPED" else ""
        self._retrainings.note_end(folder, status=outcome.status, sentence=outcome.sentence, version=outcome.version, actor=actor)
        if outcome.status == "STOPPED":
            raise StoppedTrainingError
        if outcome.status == "ERROR":
            raise UnavailableError(outcome.sentence)
        about = {"version": outcome.version, "decision": outcome.decision, "promoted": outcome.promoted, "sentence": outcome.sentence}
        return {**about, **self.stats()}

    def _watch(self, folder: JobFolder, run: TrainingRun) -> Outcome:
        """Look on until it is over."""
        asked: float | None = None
        outcome: Outcome | None = None
        with RetrainingProcess(folder) as process:
            run.say(f"training {folder.path.name} in process {process.pid}")
            while not process.over:
                for message in process.messages(wait=_LOOK_S):
                    outcome = self._hear(message, run) or outcome
                process.pause(run.readers.busy and asked is None and not run.stopping.is_set())
                if not run.stopping.is_set() or outcome is not None:
                    continue
                if not run.stopped_by:
                    # Not stopped by anybody: the next server goes on with it.
                    raise StoppedTrainingError
                if asked is None:
                    process.stop()
                    asked = time.monotonic()
                elif time.monotonic() - asked > _STOP_S:
                    process.kill()
            if outcome is not None:
                return outcome
            if asked is None:
                return self._killed(folder, run, process.how_it_ended())
        outcome = Outcome(status="STOPPED", sentence="stopped; nothing was changed.", stats=dict(run.stats))
        folder.end(outcome)
        return outcome

    def _killed(self, folder: JobFolder, run: TrainingRun, how: str) -> Outcome:
        sentence = (
            f"The training process {how} ({run.so_far()}). Nothing was changed. Train again with the same options to go on where it was; "
            f"{folder.log} may say why."
        )
        return Outcome(status="ERROR", sentence=sentence, stats=dict(run.stats), final=False)

    def _hear(self, message: Mapping[str, Any], run: TrainingRun) -> Outcome | None:
        if "said" in message:
            run.say(str(message["said"]))
        if "stats" in message:
            run.stats = self._stats = dict(message["stats"])
        return Outcome.model_validate(message["outcome"]) if "outcome" in message else None

    def _learning_rate(self) -> float:
        version = self._workbench.models().get(self._model)
        return 0.0 if version is None else learning_rate_of(version.recipe)
