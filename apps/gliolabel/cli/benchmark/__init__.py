"""``gliolabel benchmark``: the speed and memory of this machine, beside stock MONAI Label in the same run."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gliolabel.cli import console
from gliolabel.cli.logs import quiet_libraries
from gliolabel.cli.model_choice import choose_model, open_registry
from gliolabel.errors import InputError, UnavailableError

if TYPE_CHECKING:
    from rich.console import Group

    from gliolabel.studies import Case

#: With --scale: how many cases, and how often each request is sent.
_CASES = (100, 1_000, 10_000)
_ROUNDS = 25

#: With --training: the recipes.
_TRAINED = ("resunet2d", "unet3d")

#: With --selection: the recipe.
_STUDIED = "selection_unet2d_lgg"


def benchmark(
    studies: Annotated[
        Path | None, typer.Option(help="Take the case from this study folder; without it a synthetic one.", metavar="DIR")
    ] = None,
    case: Annotated[str | None, typer.Option(help="Which case of the study folder; the first one without this.")] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(help="Only this model, or a .safetensors file; with --training or --selection a recipe. Repeatable."),
    ] = None,
    passes: Annotated[
        int, typer.Option(min=0, max=200, help="Passes of the map, in both. 5 is MONAI Label's own default; 0 leaves the maps out.")
    ] = 5,
    check_map: Annotated[
        bool, typer.Option("--check-map", help="Also compute the map pass by pass, sharing nothing, and compare time and numbers.")
    ] = False,
    stock: Annotated[bool, typer.Option("--stock/--no-stock", help="Also measure stock MONAI Label with the same weights.")] = True,
    device: Annotated[str | None, typer.Option(help="For example cpu or cuda; the best one without this.")] = None,
    scale: Annotated[
        bool, typer.Option("--scale", help="Instead: how long a server's answers take with many cases, and its memory. Takes minutes.")
    ] = False,
    cases: Annotated[list[int] | None, typer.Option(min=10, help="With --scale: how many cases; may be given more than once.")] = None,
    training: Annotated[
        bool, typer.Option("--training", help="Instead: seconds of a training step of each recipe with patches, beside MONAI's own loop.")
    ] = False,
    steps: Annotated[int, typer.Option(min=1, help="With --training: steps that are measured in each of three rounds.")] = 4,
    selection: Annotated[
        bool,
        typer.Option("--selection", help="Instead: whether the product's choice of cases beats a random one, simulated. Takes an hour."),
    ] = False,
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="With --selection: repetitions.")] = 5,
    budgets: Annotated[str, typer.Option(help="With --selection: numbers of annotated cases.")] = "4,8,12",
    week: Annotated[
        bool, typer.Option("--week", help="Instead: a champion of 4 cases, 3 rounds of 4 corrected ones, judged on 4. Takes an hour.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="With --week: which case comes when.")] = 0,
    load: Annotated[
        bool, typer.Option("--load", help="Instead: latency and throughput of a server with 1, 4 and 16 clients at once. Takes minutes.")
    ] = False,
    masks: Annotated[int, typer.Option(min=1, help="With --load: masks that are asked for in all by each number of clients.")] = 16,
    busy: Annotated[
        float, typer.Option(min=0, help="With --load: for so many seconds one reader segments, one maps and a training runs; 0: not.")
    ] = 30.0,
    output: Annotated[
        Path | None,
        typer.Option(help="Also write the numbers to this JSON file; with --selection or --week a folder, which goes on.", metavar="PATH"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Measure each model on one case: seconds by stage, peak memory, Dice; and the same for stock MONAI Label.

    Every measurement runs in a process of its own: a first, cold run, then the one that is reported. Stock MONAI Label is its
    BasicInferTask with the radiology app's transforms and sliding windows (overlap 0.4), and its epistemic_v2 scoring.
    """
    quiet_libraries()
    if scale:
        _scale(cases or list(_CASES), output=output, as_json=as_json)
        return
    if load:
        _load(model or ["unet3d"], masks=masks, busy=busy, device=device, stock=stock, output=output, as_json=as_json)
        return
    if training:
        _training(model or list(_TRAINED), studies=studies, case=case, steps=steps, device=device, output=output, as_json=as_json)
        return
    if selection:
        _selection(model or [_STUDIED], studies=studies, seeds=seeds, budgets=budgets, device=device, output=output, as_json=as_json)
        return
    if week:
        _week(model or ["resunet2d"], studies=studies, seed=seed, device=device, output=output, as_json=as_json)
        return
    from gliolabel.cli.benchmark.measuring import Job, machine, measure
    from gliolabel.cli.benchmark.table import table

    versions = [choose_model(name) for name in model or open_registry().names()]
    if not versions:
        raise UnavailableError("There are no models to measure: no weights are installed. `gliolabel doctor` says more.")
    with tempfile.TemporaryDirectory(prefix="gliolabel-benchmark-") as folder:
        chosen = _case(studies, case, Path(folder))
        jobs = [
            Job(
                pipeline=pipeline,
                model=version.path,
                studies=chosen[0],
                case=chosen[1].id,
                passes=passes,
                device=device,
                check_map=check_map and passes > 0,
            )
            for version in versions
            for pipeline in (("gliolabel", "stock") if stock else ("gliolabel",))
        ]
        rows = []
        with console.progress_bar(shown=not as_json) as bar:
            task = bar.add_task("Measuring", total=len(jobs))
            for job in jobs:
                bar.update(task, description=f"{job.model.stem}, {job.pipeline}")
                rows.append(measure(job))
                bar.advance(task)
    result = {"machine": machine(), "case": {"id": chosen[1].id, "grid": str(chosen[1].grid()), "synthetic": studies is None}, "rows": rows}
    _give(result, output=output, as_json=as_json, shown=lambda: table(result))
    if any(row["error"] for row in rows):
        raise typer.Exit(1)


def _scale(cases: list[int], *, output: Path | None, as_json: bool) -> None:
    from gliolabel.cli.benchmark.measuring import machine
    from gliolabel.cli.benchmark.scale import measure_scale
    from gliolabel.cli.benchmark.scale_table import scale_table

    registry = open_registry()
    names = registry.names()
    version = registry.champion(names[0]) if names else None
    rows = []
    with console.progress_bar(shown=not as_json) as bar:
        task = bar.add_task("Measuring", total=len(cases))
        for count in cases:
            bar.update(task, description=f"{count:,} cases")
            rows.append(measure_scale(count, rounds=min(_ROUNDS, count // 2), version=version))
            bar.advance(task)
    result = {"machine": machine(), "rounds": _ROUNDS, "rows": rows}
    _give(result, output=output, as_json=as_json, shown=lambda: scale_table(result))


def _load(models: list[str], *, masks: int, busy: float, device: str | None, stock: bool, output: Path | None, as_json: bool) -> None:
    if len(models) > 1:
        raise InputError(f"--load: takes one model, --model names {len(models)}: {', '.join(models)}")
    from gliolabel.cli.benchmark.load import measure_load
    from gliolabel.cli.benchmark.load_table import load_table
    from gliolabel.cli.benchmark.measuring import machine

    version = choose_model(models[0])
    with console.progress_bar(shown=not as_json) as bar:
        task = bar.add_task("Measuring", total=None)
        measured = measure_load(
            version, masks=masks, busy_s=busy, device=device, stock=stock, report=lambda words: bar.update(task, description=words)
        )
    result = {"machine": machine(), **measured}
    _give(result, output=output, as_json=as_json, shown=lambda: load_table(result))


def _training(
    recipes: list[str], *, studies: Path | None, case: str | None, steps: int, device: str | None, output: Path | None, as_json: bool
) -> None:
    from gliolabel.cli.benchmark.measuring import machine
    from gliolabel.cli.benchmark.training import ROUNDS, compare_training
    from gliolabel.cli.benchmark.training_table import training_table
    from gliolabel.recipes import load_recipe
    from gliolabel.training.cases import load_training_case

    loaded = [load_recipe(name) for name in recipes]
    with tempfile.TemporaryDirectory(prefix="gliolabel-benchmark-") as folder:
        chosen = _case(studies, case, Path(folder))[1]
        prepared = load_training_case(chosen)
    rows = []
    with console.progress_bar(shown=not as_json) as bar:
        task = bar.add_task("Measuring", total=len(loaded) * ROUNDS)
        for recipe in loaded:
            bar.update(task, description=f"Training {recipe.name}")
            rows.append(compare_training(recipe, prepared, steps=steps, device=device, report=lambda: bar.advance(task)))
    about = {"id": chosen.id, "synthetic": studies is None}
    result = {"machine": machine(), "case": about, "rounds": ROUNDS, "steps": steps, "rows": rows}
    _give(result, output=output, as_json=as_json, shown=lambda: training_table(result))


def _selection(
    recipes: list[str], *, studies: Path | None, seeds: int, budgets: str, device: str | None, output: Path | None, as_json: bool
) -> None:
    from gliolabel.cli.benchmark.selection import measure_selection, read_budgets
    from gliolabel.cli.benchmark.selection_table import selection_table
    from gliolabel.recipes import load_recipe
    from gliolabel.selection_study import Design

    if studies is None or output is None:
        raise InputError("--selection: needs --studies DIR, the labelled cases, and --output DIR, where the study is kept and goes on")
    if len(recipes) > 1:
        raise InputError(f"--selection: takes one recipe, --model names {len(recipes)}: {', '.join(recipes)}")
    design = Design(budgets=read_budgets(budgets))
    result = measure_selection(
        load_recipe(recipes[0]), studies, output=output, design=design, seeds=seeds, device=device, shown=not as_json
    )
    _give(result, output=None, as_json=as_json, shown=lambda: selection_table(result))


def _week(models: list[str], *, studies: Path | None, seed: int, device: str | None, output: Path | None, as_json: bool) -> None:
    if studies is None or output is None:
        raise InputError("--week: needs --studies DIR, the labelled cases, and --output DIR, where the week is kept and goes on")
    if len(models) > 1:
        raise InputError(f"--week: takes one model, --model names {len(models)}: {', '.join(models)}")
    import torch

    from gliolabel.cli.benchmark.week import measure_week
    from gliolabel.cli.benchmark.week_table import week_table

    where = device or ("cuda" if torch.cuda.is_available() else "cpu")
    result = measure_week(models[0], studies, output=output, seed=seed, device=where, shown=not as_json)
    _give(result, output=None, as_json=as_json, shown=lambda: week_table(result))


def _give(result: dict[str, Any], *, output: Path | None, as_json: bool, shown: Callable[[], Group]) -> None:
    if output is not None:
        import json

        output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    if as_json:
        console.print_json(result)
    else:
        console.out.print(shown())


def _case(studies: Path | None, case_id: str | None, folder: Path) -> tuple[Path, Case]:
    from gliolabel.studies import open_studies

    if studies is None:
        from gliolabel.phantoms import write_phantom_folder

        write_phantom_folder(folder, cases=1)
        studies = folder
    elif not studies.is_dir():
        raise InputError(f"--studies {studies}: there is no such folder. Name the folder that holds the cases.")
    store = open_studies(studies)
    if len(store) == 0:
        raise InputError(f"--studies {studies}: no case found.")
    case = store.get(case_id) if case_id else next(iter(store))
    if case.missing:
        raise InputError(f"case {case.id}: has no {', '.join(case.missing)}; choose a case with all four sequences: --case ID")
    return studies, case
