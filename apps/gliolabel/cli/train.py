"""``gliolabel train``: a recipe, trained on a study folder, and tested on the cases that were held out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gliolabel.cli import console
from gliolabel.cli.logs import quiet_libraries
from gliolabel.errors import InputError

if TYPE_CHECKING:
    from gliolabel.recipes import ModelVersion, Recipe
    from gliolabel.studies import Studies
    from gliolabel.training.cases import TrainingCase

FOLDS = 5


def train(
    recipe: Annotated[str, typer.Option(help="Recipe (`gliolabel recipes` shows them), or a .yaml file.")],
    studies: Annotated[Path, typer.Option(help="Study folder with labelled cases.", metavar="DIR")],
    output: Annotated[Path, typer.Option(help="Folder for checkpoint, weights and the table of held-out cases.", metavar="DIR")],
    fold: Annotated[int | None, typer.Option(min=0, max=FOLDS - 1, help="Hold this fold of five out, and test on it afterwards.")] = None,
    hold_out: Annotated[list[str] | None, typer.Option(help="Hold this case out; may be given more than once.")] = None,
    initial: Annotated[Path | None, typer.Option(help="Weights file to start from instead of at random.", metavar="FILE")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Optimiser steps, instead of the recipe's.")] = None,
    change: Annotated[
        list[str] | None, typer.Option("--set", help="section.key=value instead of the recipe's; may be given more than once.")
    ] = None,
    version: Annotated[str, typer.Option(help="What the trained version is called.")] = "trained-1",
    device: Annotated[str, typer.Option(help="cpu, cuda or cuda:N; by default the first GPU if there is one.")] = "",
    labels: Annotated[str | None, typer.Option(help="Numbering of labels in the folder, if its layout does not tell.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint in the output folder.")] = False,
) -> None:
    """Train a recipe.

    Cases are divided by patient. A checkpoint is written every hundred steps; after an interruption the same command with --resume goes
    on to the same weights. Writes OUTPUT/RECIPE.safetensors, whose header says what it was trained on, and, with cases held out,
    OUTPUT/held-out.json.
    """
    quiet_libraries()
    import torch

    from gliolabel.recipes import ModelVersion, load_recipe
    from gliolabel.studies import open_studies

    what = load_recipe(recipe, change or [])
    if not studies.is_dir():
        raise InputError(f"--studies {studies}: there is no such folder. Name the folder that holds the cases.")
    if (output / "checkpoint.pt").exists() and not resume:
        raise InputError(f"--output {output}: holds a checkpoint already. Add --resume to go on with it, or name another folder.")
    store = open_studies(studies, labels=labels)
    held = _held_out(store, fold=fold, named=hold_out or [])
    start = None if initial is None else ModelVersion.load(initial)
    chosen = device or ("cuda" if torch.cuda.is_available() else "cpu")
    model = _train(what, store, held=held, output=output, start=start, steps=steps, version=version, device=chosen)
    console.out.print(f"Weights in {model.path}.")
    if held:
        _test(model, store, held, output=output, device=chosen)


def _held_out(store: Studies, *, fold: int | None, named: Sequence[str]) -> list[str]:
    from gliolabel.training.folds import make_folds

    unknown = sorted(set(named) - {case.id for case in store})
    if unknown:
        raise InputError(f"--hold-out {unknown[0]}: no such case in {store.path}")
    held = set(named)
    if fold is not None:
        held |= set(make_folds([case.id for case in store if case.label is not None], count=FOLDS)[fold])
    return sorted(held)


def _train(
    recipe: Recipe,
    store: Studies,
    *,
    held: Sequence[str],
    output: Path,
    start: ModelVersion | None,
    steps: int | None,
    version: str,
    device: str,
) -> ModelVersion:
    from gliolabel.recipes import save_model_version
    from gliolabel.training.cases import load_training_case
    from gliolabel.training.engine import Progress, Training
    from gliolabel.training.provenance import describe_training

    wanted = [case for case in store if case.label is not None and case.id not in held]
    cases: list[TrainingCase] = []
    with console.progress_bar() as bar:
        reading = bar.add_task("reading cases", total=len(wanted))
        for case in wanted:
            cases.append(load_training_case(case))
            bar.advance(reading)
    weights = None if start is None else start.build().state_dict()
    training = Training(recipe, cases, folder=output, device=device, initial=weights, steps=steps)
    with console.progress_bar() as bar:
        task = bar.add_task(f"training {recipe.name} on {len(cases)} cases", total=training.steps, completed=training.step)

        def report(progress: Progress) -> None:
            recent = training.losses[-50:]
            text = f"training {recipe.name} on {len(cases)} cases, loss {sum(recent) / len(recent):.3f}"
            bar.update(task, completed=progress.step, description=text)

        trained = training.run(report)
    before = None if start is None else {**start.metadata, "name": start.name, "version": start.version}
    return save_model_version(
        output / f"{recipe.name}.safetensors",
        trained,
        name=recipe.name,
        version=version,
        recipe=recipe,
        metadata=describe_training(cases, held_out=held, steps=training.steps, initial=before),
    )


def _test(model: ModelVersion, store: Studies, held: Sequence[str], *, output: Path, device: str) -> None:
    from gliolabel.inference import Segmenter
    from gliolabel.training.holdout import evaluate_cases, precision_cost

    with console.progress_bar() as bar:
        task = bar.add_task("testing on held-out cases", total=len(held))
        segmenter, cases = Segmenter(model, device=device), [store.get(case_id) for case_id in held]
        table: dict[str, Any] = evaluate_cases(segmenter, cases, report=lambda _: bar.advance(task))
    about = {"model": model.name, "version": model.version, "steps": model.metadata["steps"]}
    table = {**about, **table, "precision": precision_cost(segmenter, cases)}
    path = output / "held-out.json"
    path.write_text(json.dumps(table, indent=1) + "\n")
    scores = ", ".join(f"{region} {value:.3f}" for region, value in table["mean_dice"].items())
    console.out.print(f"Mean Dice on {len(held)} held-out cases: {scores}. By case in {path}.")
