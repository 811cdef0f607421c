"""Living through the week: the same job, registry and gate as in a server, without one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from gliolabel.errors import GlioLabelError, InputError
from gliolabel.recipes import ModelVersion, Recipe, save_model_version
from gliolabel.registry import Registry
from gliolabel.state import StateFolder
from gliolabel.state.files import file_sha256, file_stem, replace_text, write_for_good
from gliolabel.state.roles import Role
from gliolabel.studies import Case
from gliolabel.studies.writing import write_volume
from gliolabel.training.cache import Cache
from gliolabel.training.data import patch_data
from gliolabel.training.engine import Training
from gliolabel.training.gate import CaseMeasures, GateCase, GateCriteria, measure
from gliolabel.training.provenance import describe_training
from gliolabel.training.retraining.folder import JobFolder
from gliolabel.training.retraining.job import Job, JobCase, JobFile, Owner
from gliolabel.training.retraining.planning import draw_weights
from gliolabel.training.retraining.retrain import retrain
from gliolabel.training.retraining.watch import Watch
from gliolabel.training.week.plan import WeekPlan
from gliolabel.vocabulary import REGIONS

#: Who trains here.
_OWNER = Owner(name="simulated week")


@dataclass(frozen=True)
class Day:
    """The state of things after the first training, or after a round.

    Args:
        version: the version that was trained.
        cases: how many cases it has learned from.
        dice: mean Dice on the locked cases by region; a region that a case has not is left out of its mean.
        served: the champion afterwards.
        decision: the gate's; empty for the first.
        sentence: what the gate said.
    """

    version: str
    cases: int
    dice: dict[str, float]
    served: str
    decision: str = ""
    sentence: str = ""

    def as_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return asdict(self)


def run_week(
    plan: WeekPlan,
    cases: dict[str, Case],
    *,
    recipe: Recipe,
    epochs: int,
    learning_rate: float,
    criteria: GateCriteria,
    output: Path,
    device: str,
    watch: Watch,
    report: Callable[[Day], None] | None = None,
) -> list[Day]:
    """Train a first champion, then retrain it after each round on all cases corrected so far, and let the gate decide.

    What was done before an interruption is not done again.

    Args:
        plan: which case comes when.
        cases: by id; each with a label, which stands for the radiologist's correction.
        recipe: of the first champion, with its steps.
        epochs: of each retraining, a hundred steps each.
        learning_rate: of each retraining.
        criteria: the gate's.
        output: folder for weights, state folder and verdicts.
        device: where to train.
        watch: looks on.
        report: told each day.

    Returns:
        The first champion's day, then one of each round.

    Raises:
        GlioLabelError: a training failed; the message says why.
    """
    labels = {case_id: _label(cases[case_id], output / "labels") for case_id in (*plan.first, *sum(plan.rounds, ()), *plan.locked)}
    first = _first_champion(plan, cases, recipe=recipe, output=output / "first", device=device, watch=watch)
    state = StateFolder(output / "state").create()
    registry = Registry(first.path.parent, state=state)
    locked = [GateCase.of(_with_label(cases[case_id], labels[case_id])) for case_id in plan.locked]
    kept = state.cache / "gate"

    def dice_of(version: ModelVersion) -> dict[str, float]:
        return _mean_dice(measure(version, locked, device=device, pause=watch.pause, kept=kept))

    days = [Day(version=first.version, cases=len(plan.first), dice=dice_of(first), served=first.version)]
    if report is not None:
        report(days[0])
    for turn in range(1, len(plan.rounds) + 1):
        corrected = sum(plan.rounds[:turn], ())
        champion = registry.champion(recipe.name)
        folder = JobFolder(state.trainings / f"round-{recipe.name}-{turn}")
        if folder.outcome() is None:
            replace_text(folder.criteria, criteria.as_yaml())
            folder.write_job(
                Job(
                    id=folder.path.name,
                    model=recipe.name,
                    created=datetime.now(UTC),
                    owner=_OWNER,
                    champion=champion.version,
                    champion_sha256=champion.sha256(),
                    champion_path=champion.path.resolve(),
                    state=state.path.resolve(),
                    cases=_parts(plan, cases, labels, corrected=corrected, known=set(champion.metadata["trained_on"])),
                    epochs=epochs,
                    learning_rate=learning_rate,
                    device=device,
                    promote=True,
                    seed=turn,
                )
            )
            retrain(folder, watch)
        outcome = folder.outcome()
        if outcome is None or outcome.status != "DONE":
            raise GlioLabelError(f"round {turn}: {outcome.sentence if outcome else 'the retraining was interrupted; run the same again'}")
        trained = registry.version(recipe.name, outcome.version)
        days.append(
            Day(
                version=trained.version,
                cases=len(trained.metadata["trained_on"]),
                dice=dice_of(trained),
                served=trained.version if outcome.promoted else champion.version,
                decision=outcome.decision,
                sentence=outcome.sentence,
            )
        )
        if report is not None:
            report(days[-1])
    return days


def _first_champion(plan: WeekPlan, cases: dict[str, Case], *, recipe: Recipe, output: Path, device: str, watch: Watch) -> ModelVersion:
    path = output / f"{recipe.name}.safetensors"
    if path.is_file():
        return ModelVersion.load(path)
    watch.say(f"the first champion is trained on {len(plan.first)} cases")
    away = [*sum(plan.rounds, ()), *plan.locked]
    data = patch_data(recipe, [cases[case_id] for case_id in plan.first], held_out=away, cache=Cache(output / "run" / "cache"))
    training = Training(recipe, data.source, folder=output / "run", device=device)

    def report(progress: Any) -> None:
        watch.progress({"epoch": progress.step / 100, "total_epochs": progress.steps / 100, "loss": progress.loss})
        watch.pause()

    trained = training.run(report)
    about = describe_training(data.trained_on, held_out=away, steps=training.step, initial=None)
    return save_model_version(path, trained, name=recipe.name, version="week-0", recipe=recipe, metadata=about)


def _label(case: Case, folder: Path) -> Path:
    """The case's label as an accepted one is stored: in our values, on the reference grid."""
    path = folder / f"{file_stem(case.id)}.nii.gz"
    if not path.is_file():
        label = case.read_label()
        if label is None:
            raise InputError(f"case {case.id}: has no label; every case of the week needs one")
        write_for_good(path, partial(write_volume, label, case.grid()))
    return path


def _with_label(case: Case, label: Path) -> Case:
    from gliolabel.studies.files import LabelFile
    from gliolabel.studies.numbering import GLIOLABEL

    return Case(case.id, dict(case.sequences), LabelFile(label, GLIOLABEL))


def _parts(
    plan: WeekPlan, cases: dict[str, Case], labels: dict[str, Path], *, corrected: Sequence[str], known: set[str]
) -> tuple[JobCase, ...]:
    weights = draw_weights({case_id: case_id not in known for case_id in (*plan.first, *corrected)})

    def part(case_id: str, role: Role) -> JobCase:
        return JobCase(
            case_id=case_id,
            patient=case_id,
            role=role,
            sequences={
                name: JobFile(path=file.path.resolve(), component=file.component) for name, file in cases[case_id].sequences.items()
            },
            label=labels[case_id].resolve(),
            label_version=1,
            label_sha256=file_sha256(labels[case_id]),
            source="replay" if case_id in known else "accepted",
            weight=weights.get(case_id, 0.0),
        )

    return (*(part(case_id, Role.TRAIN) for case_id in weights), *(part(case_id, Role.LOCKED) for case_id in plan.locked))


def _mean_dice(measures: Sequence[CaseMeasures]) -> dict[str, float]:
    refused = [found for found in measures if found.outcome is None]
    if refused:
        raise GlioLabelError(f"case {refused[0].case_id} cannot be measured: {refused[0].refused}")
    values = {region: [v for found in measures if (v := found.value(region, "dice")) is not None] for region in REGIONS}
    return {region: round(float(np.mean(found)), 4) for region, found in values.items() if found}
