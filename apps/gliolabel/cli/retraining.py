"""``gliolabel train --retrain``: the retraining that the server's trainers do, without a server."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from gliolabel.cli import console
from gliolabel.cli.state import STATE_VARIABLE
from gliolabel.errors import InputError, UnavailableError, UnknownError
from gliolabel.inference.devices import choose_device
from gliolabel.labelserver.datastore import CaseDatastore
from gliolabel.labelserver.retrainings import Retrainings, Wanted
from gliolabel.registry import Registry
from gliolabel.state import StateFolder, resolve_state_folder
from gliolabel.studies import open_studies
from gliolabel.training.retraining.job import Owner
from gliolabel.training.retraining.lifeline import step_back
from gliolabel.training.retraining.planning import EPOCHS, learning_rate_of
from gliolabel.training.retraining.retrain import retrain


@dataclass(frozen=True)
class Asked:
    """What the command line says.

    Args:
        model: name of the model.
        studies: the study folder.
        epochs: passes of a hundred steps.
        learning_rate: the highest; None: the model's own.
        device: where to train; empty: the best there is.
        labels: numbering of labels in the study folder.
        labels_in_folder: whether labels beside the cases count.
        promote: whether to promote by itself.
        criteria: the gate's.
    """

    model: str
    studies: Path
    epochs: int | None
    learning_rate: float | None
    device: str
    labels: str | None
    labels_in_folder: Literal["import", "ignore"]
    promote: bool
    criteria: Path | None


def retrain_model(asked: Asked) -> None:
    """Retrain, with a progress bar.

    Raises:
        InputError: something given cannot be used, or there is nothing (new) to learn from.
        ConflictError: another training is under way in the state folder.
        UnavailableError: it failed; the message says why.
    """
    state = _state(asked.studies)
    registry = Registry(state=state)
    if asked.model not in registry.names():
        raise UnknownError(f"--retrain {asked.model}: there is no such model. There are: {', '.join(registry.names()) or 'none'}.")
    with registry.database() as database:
        studies = open_studies(asked.studies, labels=asked.labels)
        cases = CaseDatastore(studies, database, import_labels=asked.labels_in_folder == "import")
        cases.training_lists.registry = registry
        retrainings = Retrainings(cases, registry, database, criteria=asked.criteria)
        wanted = Wanted(
            model=asked.model,
            epochs=asked.epochs or EPOCHS,
            learning_rate=asked.learning_rate or learning_rate_of(registry.champion(asked.model).recipe),
            device=str(choose_device(asked.device)),
            promote=asked.promote,
            owner=Owner(name=_person()),
        )
        folder = retrainings.begin(retrainings.plan(wanted))
        again = retrainings.note_start(folder)
        console.note(f"{'Continued' if again else 'Begun'}: {folder.path}")
        step_back()
        with Bar(asked.model) as bar:
            try:
                outcome = retrain(folder, bar)
            except KeyboardInterrupt:
                raise UnavailableError("Interrupted; nothing was changed. The same command goes on where it was.") from None
        retrainings.note_end(folder, status=outcome.status, sentence=outcome.sentence, version=outcome.version)
    if outcome.status != "DONE":
        raise UnavailableError(outcome.sentence)
    console.out.print(outcome.sentence)
    console.note(f"The verdict with pictures: {folder.verdict / 'index.html'}")


class Bar:
    """A progress bar as a watch."""

    def __init__(self, model: str) -> None:
        self._bar = console.progress_bar()
        self._task = self._bar.add_task(f"retraining {model}", total=None)

    def __enter__(self) -> Bar:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def say(self, line: str) -> None:
        """See :class:`~gliolabel.training.retraining.watch.Watch`, as the others."""
        console.note(line)

    def progress(self, stats: Mapping[str, Any]) -> None:
        self._bar.update(self._task, completed=round(100 * stats["epoch"]), total=100 * stats["total_epochs"])

    def pause(self) -> None:
        """Nobody else is waiting."""


def _state(studies: Path) -> StateFolder:
    """The folder that was named, or the one that a server on these studies uses."""
    if not studies.is_dir():
        raise InputError(f"--studies {studies}: there is no such folder. Name the folder that holds the cases.")
    return resolve_state_folder(os.environ.get(STATE_VARIABLE), studies=studies).create(studies=studies)


def _person() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without names for its users
        return f"user {os.getuid()}" if hasattr(os, "getuid") else "the command line"
