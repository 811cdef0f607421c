"""The retrainings of a state folder: what one would learn from, beginning it, and those that were there."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import func, select

from gliolabel.errors import GlioLabelError, InputError, UnavailableError
from gliolabel.labelserver.accepted import AcceptedLabel, accepted
from gliolabel.labelserver.datastore import CaseDatastore
from gliolabel.recipes import ModelVersion
from gliolabel.recipes.training_list import TrainingList
from gliolabel.registry import Registry
from gliolabel.state import Database
from gliolabel.state.audit import AuditLog
from gliolabel.state.files import replace_text
from gliolabel.state.labels import FINAL, IMPORT_AUTHOR
from gliolabel.state.roles import Role, refuse_locked
from gliolabel.state.tables import LabelRow, now
from gliolabel.training.retraining.folder import JobFolder, job_folders, one_at_a_time
from gliolabel.training.retraining.job import Job, JobCase, JobFile, Outcome, Owner
from gliolabel.training.retraining.planning import draw_weights

_LOG = logging.getLogger(__name__)
#: A training that was interrupted so often is not begun again by itself: it may be what brings the machine down.
_MOST_BEGINNINGS: Final = 5


@dataclass(frozen=True)
class Wanted:
    """What somebody asks for.

    Args:
        model: name of the model.
        epochs: passes of a hundred steps.
        learning_rate: the highest.
        device: where to train.
        promote: whether to promote the new version if the gate allows it.
        owner: who asks.
    """

    model: str
    epochs: int
    learning_rate: float
    device: str
    promote: bool
    owner: Owner


class Retrainings:
    """The retrainings.

    Args:
        cases: have the accepted labels.
        registry: has the champions.
        database: the state.
        criteria: the gate's criteria; None: the package's own.
    """

    def __init__(self, cases: CaseDatastore, registry: Registry, database: Database, *, criteria: Path | None = None) -> None:
        self._cases, self._registry, self._database = cases, registry, database
        self._state = database.folder
        self._audit = AuditLog(database)
        self._criteria = criteria

    def plan(self, wanted: Wanted) -> Job:
        """What a retraining would be made of now.

        Raises:
            InputError: there is nothing to learn from, or nothing new.
            UnavailableError: the model has no weights, or the database cannot be written.
        """
        champion = self._registry.champion(wanted.model)
        labels = accepted(self._cases, self._cases.roles)
        self._check(labels, wanted.model)
        seen = TrainingList.of([champion])
        new = {label.case_id: not self._knows(champion, seen, label) for label in labels if label.role == Role.TRAIN}
        if not any(new.values()):
            raise InputError(
                f"Nothing is new for {wanted.model}: {champion.version} has learned from all {len(new)} accepted labels that are for "
                "training. Submit a corrected label, then train."
            )
        weights = draw_weights(new)
        stamp = now()
        job = Job(
            id=f"{stamp:%Y%m%dT%H%M%S}-{wanted.model}-{uuid.uuid4().hex[:6]}",
            model=wanted.model,
            created=stamp,
            owner=wanted.owner,
            champion=champion.version,
            champion_sha256=champion.sha256(),
            champion_path=champion.path.resolve(),
            state=self._state.path,
            cases=tuple(self._part(label, weight=weights.get(label.case_id, 0.0), new=new.get(label.case_id, True)) for label in labels),
            epochs=wanted.epochs,
            learning_rate=wanted.learning_rate,
            device=wanted.device,
            promote=wanted.promote,
            seed=1 + len(self.of(wanted.model)),
        )
        refuse_locked(
            [case.case_id for case in job.cases if case.role != Role.LOCKED],
            self._cases.roles,
            patients={case.case_id: case.patient for case in job.cases},
        )
        self._refuse_again(job)
        return job

    def begin(self, job: Job) -> JobFolder:
        """The folder of a job: of the same one that was interrupted, or a new one. Others of the model that were interrupted are given up.

        Raises:
            ConflictError: another process is training in this state folder.
            UnavailableError: the disk is full, or the state folder cannot be written. Nothing has begun.
        """
        with one_at_a_time(self._state):  # what looks interrupted may be another process's
            return self._begin(job)

    def _begin(self, job: Job) -> JobFolder:
        for left in self.interrupted(job.model):
            there = left.job()
            if (there.learns_from(), there.device, there.promote) == (job.learns_from(), job.device, job.promote):
                return left
            left.end(Outcome(status="STOPPED", sentence=f"given up: {job.owner.name} began another training of {job.model}"))
        folder = JobFolder(self._state.trainings / job.id)
        if self._criteria is not None:
            from gliolabel.training.gate import load_criteria

            replace_text(folder.criteria, load_criteria(self._criteria).as_yaml())
        folder.write_job(job)
        return folder

    def note_start(self, folder: JobFolder) -> bool:
        """Tell the audit log that a training starts. Returns whether it was begun before.

        Raises:
            UnavailableError: the database cannot be written.
        """
        job = folder.job()
        again = any(entry.get("began") for entry in folder.noted())
        self._audit.add(
            "training started",
            actor=job.owner.name,
            model=job.model,
            version=job.champion,
            reason="continued after an interruption" if again else "",
            details={"training": job.id, "labels": len(job.labels()), "epochs": job.epochs, "learning_rate": job.learning_rate},
        )
        return again

    def note_end(self, folder: JobFolder, *, status: str, sentence: str, version: str = "", actor: str = "") -> None:
        """Tell the audit log how a training ended. A full disk is told to the server's log: what is done is done."""
        job = folder.job()
        try:
            self._audit.add(
                "training ended",
                actor=actor or job.owner.name,
                model=job.model,
                version=version,
                reason=sentence,
                details={"training": job.id, "status": status},
            )
        except UnavailableError as error:
            _LOG.error("the end of training %s is missing in the audit log (%s): %s %s", job.id, error, status, sentence)

    def of(self, model: str) -> list[JobFolder]:
        """The retrainings of a model, oldest first."""
        return [folder for folder in job_folders(self._state) if _model(folder) == model]

    def interrupted(self, model: str) -> list[JobFolder]:
        """Those of them that neither ended nor were stopped. A damaged one is left out."""
        return [folder for folder in self.of(model) if folder.outcome() is None and _job(folder) is not None]

    def to_continue(self, model: str) -> JobFolder | None:
        """The one that a new server continues by itself: the newest that was interrupted, unless that happens again and again."""
        found = [folder for folder in self.interrupted(model) if _beginnings(folder) < _MOST_BEGINNINGS]
        return found[-1] if found else None

    def last_outcome(self, model: str) -> Outcome | None:
        """How the last one that ended did so."""
        return next((outcome for folder in reversed(self.of(model)) if (outcome := folder.outcome()) is not None), None)

    def last_model(self) -> str:
        """The model of the newest retraining of all, or nothing."""
        folders = job_folders(self._state)
        return _model(folders[-1]) if folders else ""

    def last_started(self, model: str) -> datetime | None:
        """When the last one was asked for."""
        return next((job.created for folder in reversed(self.of(model)) if (job := _job(folder)) is not None), None)

    def newly_accepted(self, model: str) -> int:
        """How many labels were accepted since then. Those found beside cases do not count."""
        since = self.last_started(model)
        query = select(func.count()).select_from(LabelRow).where(LabelRow.tag == FINAL, LabelRow.author != IMPORT_AUTHOR)
        query = query.where(LabelRow.removed.is_(None))
        if since is not None:
            query = query.where(LabelRow.created > since)
        with self._database.reading() as session:
            return session.scalar(query) or 0

    # --- helpers

    def _knows(self, champion: ModelVersion, seen: TrainingList, label: AcceptedLabel) -> bool:
        """Whether a version has learned from this very label; of a label beside its case all that is known is that the case was seen."""
        learned: Mapping[str, str] = champion.metadata.get("retrained", {}).get("labels", {})
        if label.case_id in learned:
            return learned[label.case_id] == label.sha256
        return label.imported and seen.has(label.case_id, self._images(label.case_id))

    def _images(self, case_id: str) -> list[str]:
        paths = {file.path for file in self._cases.case(case_id, sequence="t1").case.files().values()}
        return [self._cases.checksums.of(path) for path in sorted(paths)]

    def _part(self, label: AcceptedLabel, *, weight: float, new: bool) -> JobCase:
        files = self._cases.case(label.case_id, sequence="auto").case.sequences
        return JobCase(
            case_id=label.case_id,
            patient=label.patient,
            role=label.role,
            sequences={name: JobFile(path=file.path.resolve(), component=file.component) for name, file in files.items()},
            label=label.path.resolve(),
            label_version=label.label_version,
            label_sha256=label.sha256,
            source="accepted" if new else "replay",
            weight=weight,
        )

    def _check(self, labels: list[AcceptedLabel], model: str) -> None:
        if not labels:
            raise InputError(f"There is no accepted label, so {model} has nothing to learn from. Submit a label, then train.")
        if not any(label.role == Role.TRAIN for label in labels):
            counted = ", ".join(f"{sum(label.role == role for label in labels)} {role}" for role in Role)
            raise InputError(
                f"None of the {len(labels)} accepted labels is for training ({counted}), so {model} has nothing to learn from. "
                "Submit more labels, then train; a case's role never changes."
            )

    def _refuse_again(self, job: Job) -> None:
        """The same training once more would make the same weights."""
        for folder in self.of(job.model):
            outcome = folder.outcome()
            if outcome is None or outcome.status != "DONE":
                continue
            before = _job(folder)
            if before is not None and before.learns_from() == job.learns_from():
                raise InputError(
                    f"Nothing is new for {job.model} since {outcome.version} was trained: {outcome.sentence} Submit a corrected label, "
                    "or train with other epochs or another learning rate."
                )


def _model(folder: JobFolder) -> str:
    """The model, from the folder's name: a server that is asked every few seconds does not read all jobs."""
    return folder.path.name.split("-")[1]


def _job(folder: JobFolder) -> Job | None:
    try:
        return folder.job()
    except GlioLabelError as error:
        _LOG.warning("%s", error)
        return None


def _beginnings(folder: JobFolder) -> int:
    """How often it began without coming any further."""
    count = 0
    last: Any = None
    for entry in folder.noted():
        stats = entry.get("stats") or {}
        if entry.get("began"):
            count += 1
        elif stats.get("epoch") != last:
            count, last = 1, stats.get("epoch")
    return count
