"""``gliolabel train``: a recipe, trained on a study folder, and tested on what was held out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from gliolabel.cli.logs import quiet_libraries
from gliolabel.cli.state import STATE_VARIABLE
from gliolabel.errors import InputError

if TYPE_CHECKING:
    from gliolabel.studies import Studies

FOLDS = 5


def train(
    studies: Annotated[Path, typer.Option(help="Folder with labelled cases: BraTS and alike, or LGG slices.", metavar="DIR")],
    recipe: Annotated[str | None, typer.Option(help="Recipe (`gliolabel recipes` shows them), or a .yaml file.")] = None,
    output: Annotated[Path | None, typer.Option(help="Folder for checkpoint, weights, curves and scores.", metavar="DIR")] = None,
    retrain: Annotated[
        str | None, typer.Option(help="Instead of a recipe: the served model of this name, on all accepted labels.", metavar="MODEL")
    ] = None,
    change: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="A variant of the recipe, or section.key=value; may be given more than once.", metavar="VARIANT|KEY=VALUE"
        ),
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs, instead of the recipe's length.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Optimiser steps, instead of the recipe's length.")] = None,
    split: Annotated[
        Literal["patient", "slice"] | None,
        typer.Option(help="Divide samples by patient, or by slice as some reports did (scores then come out too high)."),
    ] = None,
    fold: Annotated[
        int | None, typer.Option(min=0, max=FOLDS - 1, help="Recipes on patches: hold this fold of five out, and test on it afterwards.")
    ] = None,
    hold_out: Annotated[
        list[str] | None, typer.Option(help="Recipes on patches: hold this case out; may be given more than once.", metavar="CASE")
    ] = None,
    initial: Annotated[Path | None, typer.Option(help="Weights file to start from instead of at random.", metavar="FILE")] = None,
    version: Annotated[str, typer.Option(help="What the trained version is called.")] = "trained-1",
    device: Annotated[str, typer.Option(help="cpu, cuda or cuda:N; by default the first GPU if there is one.")] = "",
    labels: Annotated[str | None, typer.Option(help="Numbering of labels in the folder, if its layout does not tell.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint in the output folder.")] = False,
    tracking: Annotated[bool, typer.Option("--tracking/--no-tracking", help="Write curves and pictures to OUTPUT/mlflow.db.")] = True,
    state: Annotated[
        Path | None,
        typer.Option(help="State folder, as `gliolabel --state DIR train`: what is served, and which cases are locked.", metavar="DIR"),
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(min=1e-9, max=0.1, help="--retrain: the highest; by default a tenth of the recipe's.")
    ] = None,
    promote: Annotated[
        Literal["automatically", "wait"], typer.Option(help="--retrain: serve the new version if the gate allows it, or wait for a person.")
    ] = "automatically",
    gate: Annotated[Path | None, typer.Option(help="--retrain: the gate's criteria instead of the package's own.", metavar="FILE")] = None,
    labels_in_folder: Annotated[
        Literal["import", "ignore"], typer.Option(help="--retrain: whether labels beside the cases count as accepted.")
    ] = "import",
) -> None:
    """Train a recipe, or retrain a served model.

    Cases are divided by patient. Every epoch (every hundred steps on patches) ends with a checkpoint; after an interruption the same
    command with --resume goes on to the same weights. Writes OUTPUT/RECIPE.safetensors, whose header says what it was trained on,
    split.json, curves.json, and the scores: test.json, or held-out.json for recipes on patches.

    Several GPUs or machines: torchrun --nproc-per-node N -m gliolabel.cli train ... with the same options.

    --retrain MODEL goes on training the served version on all accepted labels, as the server's Train button does: --epochs of a hundred
    steps, then the gate. After an interruption the same command goes on.
    """
    quiet_libraries()
    if state is not None:
        os.environ[STATE_VARIABLE] = str(state.resolve())
    if retrain is not None:
        _refuse({"--recipe": recipe, "--output": output, "--steps": steps, "--fold": fold, "--initial": initial, "--set": change})
        from gliolabel.cli.retraining import Asked, retrain_model

        retrain_model(
            Asked(
                model=retrain,
                studies=studies,
                epochs=epochs,
                learning_rate=learning_rate,
                device=device,
                labels=labels,
                labels_in_folder=labels_in_folder,
                promote=promote == "automatically",
                criteria=gate,
            )
        )
        return
    if recipe is None or output is None:
        raise InputError(
            f"{'--recipe' if recipe is None else '--output'}: is missing. Name a recipe and an output folder, or --retrain MODEL."
        )
    if epochs is not None and steps is not None:
        raise InputError(f"--epochs {epochs} and --steps {steps}: give one of them")
    if not studies.is_dir():
        raise InputError(f"--studies {studies}: there is no such folder. Name the folder that holds the cases.")
    if (output / "checkpoint.pt").exists() and not resume:
        raise InputError(f"--output {output}: holds a checkpoint already. Add --resume to go on with it, or name another folder.")
    from gliolabel.cli.training_run import TrainingRun
    from gliolabel.recipes import ModelVersion, load_recipe

    what = load_recipe(recipe, [*(change or []), *([f"data.split.by={split}"] if split else [])])
    start = None if initial is None else ModelVersion.load(initial)
    run = TrainingRun(what, output=output, start=start, epochs=epochs, steps=steps, version=version, device=device, tracked=tracking)
    try:
        if what.sampling.kind == "patches":
            if split is not None:
                raise InputError(f"--split {split}: recipe {what.name} trains on patches, which are always divided by patient; use --fold")
            store = _open(studies, labels)
            run.on_patches(store, _held_out(store, fold=fold, named=hold_out or []))
        else:
            if fold is not None or hold_out:
                raise InputError(f"--fold and --hold-out: recipe {what.name} divides by data.split; change it with --set data.split....")
            run.on_whole_samples(studies, labels=labels)
    finally:
        run.leave()


def _refuse(given: Mapping[str, object]) -> None:
    """Refuse options that mean nothing to a retraining."""
    found = [name for name, value in given.items() if value is not None]
    if found:
        raise InputError(f"{found[0]}: does not go with --retrain, which goes on with the served version and its recipe. Leave it out.")


def _open(studies: Path, labels: str | None) -> Studies:
    from gliolabel.studies import open_studies

    return open_studies(studies, labels=labels)


def _held_out(store: Studies, *, fold: int | None, named: Sequence[str]) -> list[str]:
    from gliolabel.training.folds import make_folds

    unknown = sorted(set(named) - {case.id for case in store})
    if unknown:
        raise InputError(f"--hold-out {unknown[0]}: no such case in {store.path}")
    held = set(named)
    if fold is not None:
        held |= set(make_folds([case.id for case in store if case.label is not None], count=FOLDS)[fold])
    return sorted(held)
