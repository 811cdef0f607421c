"""Going on from the champion's weights: the training itself, through the one engine."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from gliolabel.inference import Segmenter
from gliolabel.recipes import ModelVersion, Recipe, save_model_version
from gliolabel.state.roles import Role
from gliolabel.training.cache import Cache
from gliolabel.training.case_score import CaseScore
from gliolabel.training.cases import load_training_cases
from gliolabel.training.data import patch_data
from gliolabel.training.engine import Progress, Training
from gliolabel.training.holdout import evaluate_cases
from gliolabel.training.provenance import describe_training
from gliolabel.training.retraining.folder import JobFolder
from gliolabel.training.retraining.job import Job, JobCase, check_images
from gliolabel.training.retraining.watch import Watch
from gliolabel.training.samples.loader import sha256_of
from gliolabel.vocabulary import REGIONS

#: Validation cases that each epoch is scored on: the first of them by hash, so that a large site does not wait for hours.
MOST_SCORED: Final = 12
#: Fewer validation cases than this say nothing about calibration.
LEAST_CALIBRATED: Final = 2
#: Steps between checkpoints: what a crash costs at most.
_CHECKPOINT_EVERY: Final = 20


def fine_tune(folder: JobFolder, job: Job, champion: ModelVersion, *, version: str, watch: Watch) -> ModelVersion:
    """Train, calibrate, and write the new version's weights file; goes on where an earlier process was interrupted.

    Args:
        folder: the retraining's.
        job: what it is made of.
        champion: where it starts.
        version: the new version's name.
        watch: looks on.

    Returns:
        The new version.

    Raises:
        InputError: a case cannot be used, an image is a locked case's, or the training diverged.
        GlioLabelError: the loss was not finite for long.
        UnavailableError: the disk is full.
    """
    check_images(_image_sha256(job.of_role(Role.TRAIN)), _image_sha256(job.of_role(Role.LOCKED)))
    recipe = _recipe(champion.recipe, job)
    cache = Cache(folder.run / "cache")
    training_cases, validation_cases = job.of_role(Role.TRAIN), job.of_role(Role.VALIDATION)
    away = [case.case_id for case in job.cases if case.role != Role.TRAIN]
    watch.say(_words(training_cases, validation_cases))
    data = patch_data(
        recipe,
        [case.case() for case in training_cases],
        held_out=away,
        cache=cache,
        report=watch.pause,
        weights={case.case_id: case.weight for case in training_cases},
    )
    scored = load_training_cases([case.case() for case in _scored(validation_cases)], cache=cache)
    training = Training(
        recipe,
        data.source,
        folder=folder.run,
        score_cases=CaseScore(recipe, scored, device=job.device, pause=watch.pause) if scored else None,
        device=job.device,
        initial=champion.build().state_dict(),
        steps=job.epochs * data.source.steps_per_epoch,
        checkpoint_every=_CHECKPOINT_EVERY,
    )
    if training.step:
        watch.say(f"continued after step {training.step} of {training.steps}")
    trained = training.run(_reporter(training, watch, steps_per_epoch=data.source.steps_per_epoch))
    initial = {"trained_on": {}, "steps": 0, **champion.metadata, "name": champion.name, "version": champion.version}
    about = describe_training(data.trained_on, held_out=away, steps=training.step, initial=initial)
    about["retrained"] = {
        "job": job.id,
        "learning_rate": job.learning_rate,
        "seed": job.seed,
        "labels": {**learned_labels(champion), **job.labels()},
    }

    def save(calibration: Mapping[str, Any] | None) -> ModelVersion:
        # With the champion's own recipe: the next retraining takes its share of the same learning rate.
        path = folder.run / "weights.safetensors" if calibration is None else folder.weights
        return save_model_version(
            path,
            trained,
            name=champion.name,
            version=version,
            recipe=champion.recipe,
            metadata=about,
            calibration=calibration,
        )

    return save(_calibration(save(None), champion, job, watch))


def learned_labels(version: ModelVersion) -> dict[str, str]:
    """SHA-256 of the labels that a version and those before it were retrained on, by case."""
    return dict(version.metadata.get("retrained", {}).get("labels", {}))


def _recipe(recipe: Recipe, job: Job) -> Recipe:
    """As the champion's was trained, but gently; nothing follows a validation but the curve."""
    changes = {
        "optimiser": recipe.optimiser.model_copy(update={"learning_rate": job.learning_rate}),
        "keep": "last" if recipe.optimiser.mean_decay is None else "mean",
        "stopping": None,
        "seed": job.seed,
    }
    return recipe.model_copy(update=changes)


def _reporter(training: Training, watch: Watch, *, steps_per_epoch: int) -> Callable[[Progress], None]:
    best: float | None = max((epoch.score for epoch in training.history if epoch.score is not None), default=None)

    def report(progress: Progress) -> None:
        nonlocal best
        ended = progress.ended
        if ended is not None and ended.score is not None:
            best = ended.score if best is None else max(best, ended.score)
        stats: dict[str, Any] = {
            "epoch": round(progress.step / steps_per_epoch, 2),
            "total_epochs": progress.epochs,
            "loss": round(statistics.fmean(training.losses[-50:]), 4),
            "seconds_left": round(progress.seconds_left),
        }
        watch.progress(stats if best is None else {**stats, "best_metric": round(best, 4)})
        if ended is not None:
            said = "" if ended.score is None else f", Dice {ended.score:.3f} on the validation cases"
            watch.say(f"epoch {ended.epoch} of {progress.epochs}: loss {ended.loss:.3f}{said}; {progress.seconds_left:.0f} s left")
        watch.pause()

    return report


def _calibration(version: ModelVersion, champion: ModelVersion, job: Job, watch: Watch) -> Mapping[str, Any]:
    """Temperature by region, fitted on the validation cases."""
    cases = job.of_role(Role.VALIDATION)
    if len(cases) < LEAST_CALIBRATED:
        watch.say(
            f"calibration: that of {champion.version} is kept, since {len(cases)} validation case{'' if len(cases) == 1 else 's'} "
            f"cannot tell (at least {LEAST_CALIBRATED})"
        )
        return champion.calibration or {"temperature": dict.fromkeys(REGIONS, 1.0), "cases": 0}
    segmenter = Segmenter(version, device=job.device)
    table = evaluate_cases(segmenter, [case.case() for case in _scored(cases)], without=(), report=lambda _: watch.pause())
    found = ", ".join(f"{region} {value:.3f}" for region, value in table["mean_dice"].items())
    watch.say(f"Dice on {len(table['cases'])} validation cases: {found}; probabilities are calibrated on them")
    return {"temperature": table["temperature"], "cases": len(table["cases"])}


def _scored(cases: Sequence[JobCase]) -> list[JobCase]:
    return sorted(cases, key=lambda case: case.label_sha256)[:MOST_SCORED]


def _image_sha256(cases: Sequence[JobCase]) -> dict[str, dict[str, str]]:
    return {case.case_id: {name: sha256_of(file.path) for name, file in case.sequences.items()} for case in cases}


def _words(training: Sequence[JobCase], validation: Sequence[JobCase]) -> str:
    new = [case for case in training if case.source == "accepted"]
    old = len(training) - len(new)
    weight = f", drawn {new[0].weight / min(case.weight for case in training):.1f} times as often as" if new and old else ""
    return (
        f"trained on {len(training)} labels: {len(new)} new{weight}{',' if not weight else ''} {old} known to the champion; "
        f"{len(validation)} validation case{'' if len(validation) == 1 else 's'}"
    )
