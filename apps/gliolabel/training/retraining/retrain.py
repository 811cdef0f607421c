"""A retraining from beginning to end: train, register the challenger, judge it on the locked cases, promote it if that is allowed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import torch

from gliolabel.errors import ConflictError, GlioLabelError, InputError, UnavailableError
from gliolabel.recipes import ModelVersion
from gliolabel.registry import Registry
from gliolabel.state import StateFolder
from gliolabel.state.audit import ITSELF
from gliolabel.state.roles import Role
from gliolabel.training.gate import CaseMeasures, GateCase, judge, load_criteria, measure, write_verdict
from gliolabel.training.provenance import code_version
from gliolabel.training.retraining.fine_tuning import fine_tune
from gliolabel.training.retraining.folder import JobFolder, one_at_a_time
from gliolabel.training.retraining.job import Job, JobCase, Outcome
from gliolabel.training.retraining.watch import StoppedError, Watch


def retrain(folder: JobFolder, watch: Watch) -> Outcome:
    """Do a retraining, or what is left of it: each part that was done before an interruption is not done again.

    Args:
        folder: with its job. How it ended is written down there.
        watch: looks on.

    Returns:
        How it ended. Nothing is raised: whatever went wrong is told by the outcome, and the served model is as it was.
    """
    told = _Told(folder, watch)
    folder.note({"began": True})
    try:
        job = folder.job()
        with one_at_a_time(StateFolder(job.state)):
            outcome = _all(folder, job, told)
    except StoppedError as error:
        outcome = Outcome(status="STOPPED", sentence=str(error) or "stopped; nothing was changed", stats=told.stats)
    except (UnavailableError, ConflictError) as error:
        # The cause lies outside: with some space on the disk, or another training over, this one can go on.
        outcome = Outcome(status="ERROR", sentence=_sentence(error), stats=told.stats, final=False)
    except GlioLabelError as error:
        outcome = Outcome(status="ERROR", sentence=_sentence(error), stats=told.stats)
    except (MemoryError, torch.OutOfMemoryError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        words = f"Memory is full ({reason}). Train on another device, or when less runs here."
        outcome = Outcome(status="ERROR", sentence=words, stats=told.stats, final=False)
    if outcome.final:
        try:
            folder.end(outcome)
        except UnavailableError as error:
            outcome = outcome.model_copy(update={"sentence": f"{outcome.sentence} {error}"})
    told.say(outcome.sentence)
    return outcome


def _all(folder: JobFolder, job: Job, told: _Told) -> Outcome:
    champion = _champion(job)
    registry = Registry(state=StateFolder(job.state))
    if folder.weights.is_file():
        challenger = ModelVersion.load(folder.weights)
        told.say(f"{challenger.version} was trained before the interruption")
    else:
        name = registry.new_version_name(job.model)
        challenger = fine_tune(folder, job, champion, version=name, watch=told)
    told.pause()
    manifest = _manifest(job)
    metrics = {key: float(value) for key, value in told.stats.items() if key in ("loss", "best_metric")}
    registered = registry.register(folder.weights, parent=champion, manifest=manifest, seed=job.seed, metrics=metrics, actor=job.owner.name)
    served = registry.champion(job.model)
    decision, sentence = _judge(folder, job, served, registered, registry=registry, manifest=manifest, told=told)
    promoted = job.promote and decision == "promote"
    if promoted:
        registry.promote(job.model, registered.version, actor=job.owner.name, reason=sentence)
    return Outcome(
        status="DONE",
        sentence=f"{registered.name} {registered.version} {_what_now(job, decision, promoted, served, registered)}. {sentence}",
        version=registered.version,
        decision=decision,
        promoted=promoted,
        stats=told.stats,
    )


def _judge(
    folder: JobFolder,
    job: Job,
    champion: ModelVersion,
    challenger: ModelVersion,
    *,
    registry: Registry,
    manifest: Mapping[str, Any],
    told: _Told,
) -> tuple[str, str]:
    """The gate's decision and its sentence."""
    told.pause()
    locked = [_gate_case(case) for case in job.of_role(Role.LOCKED)]
    # What a version makes of a case is not found out twice: the champion meets many challengers.
    kept = StateFolder(job.state).cache / "gate"
    criteria = load_criteria(folder.criteria if folder.criteria.is_file() else None)
    told.say(f"{challenger.version} and {champion.version} are compared on {len(locked)} locked cases")

    def measured(version: ModelVersion) -> list[CaseMeasures]:
        return measure(version, locked, device=job.device, report=lambda _: told.pause(), pause=told.pause, kept=kept)

    # The same draws for every run: the verdict is then a matter of the two versions alone, and cannot be tried again until it pleases.
    verdict = judge(measured(champion), measured(challenger), criteria, seed=0)
    write_verdict(folder.verdict, verdict, criteria=criteria, champion=champion, challenger=challenger, cases=locked, manifest=manifest)
    registry.decide(challenger.name, challenger.version, verdict=verdict.as_json(), files=folder.verdict, against=champion)
    with registry.audit() as log:
        noted = log.entries(event="verdict", model=challenger.name, version=challenger.version)
        if not any(row.details.get("training") == job.id for row in noted):  # else it was interrupted right after
            log.add(
                "verdict",
                actor=ITSELF,
                model=challenger.name,
                version=challenger.version,
                reason=verdict.sentence,
                details={"training": job.id, "decision": verdict.decision, "champion": champion.version},
            )
    return verdict.decision, verdict.sentence


def _champion(job: Job) -> ModelVersion:
    champion = ModelVersion.load(job.champion_path)
    if champion.sha256() != job.champion_sha256:
        raise InputError(
            f"{job.champion_path}: is no longer the file that {job.model} {job.champion} had when the training began. Begin another one."
        )
    return champion


def _gate_case(case: JobCase) -> GateCase:
    opened = case.case()
    label = opened.read_label()
    if label is None:
        raise InputError(f"case {case.case_id}: its label {case.label} is gone")
    return GateCase(case.case_id, opened, label, person=case.patient)


def _manifest(job: Job) -> dict[str, Any]:
    """What the version was made of, for the registry."""
    cases = [
        {
            "case_id": case.case_id,
            "label_version": case.label_version,
            "label_sha256": case.label_sha256,
            "role": str(case.role),
            "weight": case.weight,
            "source": case.source,
        }
        for case in job.cases
        if case.role == Role.TRAIN
    ]
    return {"cases": cases, "code_version": code_version(), "recipe": job.model, "job": job.id}


def _what_now(job: Job, decision: str, promoted: bool, served: ModelVersion, registered: ModelVersion) -> str:
    if promoted:
        return f"is served from now on, in place of {served.version}"
    if decision == "promote":
        return f"waits for a person: gliolabel models promote {job.model} {registered.version}; {served.version} is served as before"
    return f"is not served; {served.version} is, as before"


def _sentence(error: Exception) -> str:
    text = str(error)
    return text if text.endswith(".") else f"{text}."


class _Told:
    """A watch that is written down as well."""

    def __init__(self, folder: JobFolder, watch: Watch) -> None:
        self._folder, self._watch = folder, watch
        self.stats: dict[str, Any] = {}

    def say(self, line: str) -> None:
        self._folder.note({"said": line, "stats": self.stats})
        self._watch.say(line)

    def progress(self, stats: Mapping[str, Any]) -> None:
        self.stats = json.loads(json.dumps(dict(stats)))
        self._watch.progress(self.stats)

    def pause(self) -> None:
        self._watch.pause()
