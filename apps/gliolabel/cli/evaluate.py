"""``gliolabel evaluate``: models tested on labelled cases, compared, and shown on one page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gliolabel.cli import console
from gliolabel.cli.evaluation_cases import choose_cases, open_cases
from gliolabel.cli.evaluation_choice import check_device, digests_of, open_models
from gliolabel.cli.logs import quiet_libraries
from gliolabel.cli.model_choice import choose_model
from gliolabel.errors import InputError
from gliolabel.vocabulary import DEFAULT_MODEL, RESEARCH_NOTICE

if TYPE_CHECKING:
    from gliolabel.evaluation.analysis import Analysis
    from gliolabel.evaluation.running import Evaluation


def evaluate(
    studies: Annotated[Path, typer.Option(help="Study folder with labelled cases.", metavar="DIR")],
    output: Annotated[Path, typer.Option("--output", "--report", help="Where results go; made when needed.", metavar="DIR")],
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="Model, or a .safetensors file; more than once to compare several.", metavar="NAME|FILE", show_default=DEFAULT_MODEL
        ),
    ] = None,
    case: Annotated[
        list[str] | None, typer.Option("--case", "--cases", help="Only this case; may be given more than once.", metavar="ID")
    ] = None,
    splits: Annotated[
        Path | None, typer.Option(help="Only the cases of one part of this split.json of a training.", metavar="FILE")
    ] = None,
    part: Annotated[str, typer.Option(help="Which part of --splits.")] = "test",
    allow_training_cases: Annotated[
        bool, typer.Option("--allow-training-cases", help="Test on cases that a model was trained on, too; every table then says so.")
    ] = False,
    device: Annotated[str, typer.Option(help="cpu, cuda or cuda:N; by default the first GPU if there is one.")] = "",
    labels: Annotated[str | None, typer.Option(help="Numbering of labels in the folder, if its layout does not tell.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap, and of the passes.")] = 0,
    title: Annotated[str, typer.Option(help="Heading of the page.", show_default="the models' names")] = "",
    uncertainty: Annotated[
        bool, typer.Option("--uncertainty", help="Test the uncertainty of one model instead: is it unsure where it is wrong?")
    ] = False,
    passes: Annotated[int, typer.Option(min=1, help="With --uncertainty: Monte-Carlo passes.")] = 50,
    fold_weights: Annotated[
        list[str] | None,
        typer.Option(
            help="With --uncertainty, instead of --model: a fold of a cross-validation, tested on the cases that its weights file names as "
            "held out; give it once for every fold.",
            metavar="NAME|FILE",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Test models on labelled cases that they never saw, and compare them.

    Writes OUTPUT/report.html (one page for people, which loads nothing else), results.csv (a row a model, case and region) and results.json
    (everything, with versions, checksums and the machine). Measures: Dice, IoU, accuracy, HD95, volume error, each recipe's own score,
    calibration; means with 95 % bootstrap intervals over patients; several models are compared in pairs on the same cases.

    Can be stopped and started again: finished cases lie in OUTPUT/cases and are computed again only when weights, files or device change. A
    case that cannot be read is named, and the others go on; the exit code is then 1.

    With --uncertainty: OUTPUT/uncertainty.html, .csv and .json. QU-BraTS score and error against uncertainty beside the baselines,
    calibration, triage, places to look at, and how all of it changes with the number of passes.
    """
    quiet_libraries()
    from gliolabel.evaluation import results
    from gliolabel.evaluation.analysis import analyse
    from gliolabel.evaluation.page import write_page
    from gliolabel.evaluation.running import evaluate as run

    if output.exists() and not output.is_dir():
        raise InputError(f"--output {output}: is a file. Name a folder; it is made when needed.")
    check_device(device)
    if uncertainty:
        from gliolabel.cli.evaluation_uncertainty import UncertaintyOptions, evaluate_uncertainty

        evaluate_uncertainty(
            UncertaintyOptions(
                studies=studies, output=output, models=model or [], folds=fold_weights or [], cases=case or [], splits=splits, part=part,
                passes=passes, seed=seed, device=device, labels=labels, allow=allow_training_cases, title=title, as_json=as_json,
            )
        )  # fmt: skip
        return
    if fold_weights:
        raise InputError("--fold-weights: goes with --uncertainty; to compare models on the same cases name each with --model")
    versions = [choose_model(name) for name in (model or [DEFAULT_MODEL])]
    there = open_cases(studies, versions, labels=labels)
    chosen = choose_cases(there, named=case or [], splits=splits, part=part)
    for problem in there.problems:
        console.warning(problem)
    digests, unreadable = digests_of(chosen, shown=not as_json)
    models = open_models(versions, chosen, digests, output=output, device=device, allow=allow_training_cases)
    with console.progress_bar(shown=not as_json) as bar:
        task = bar.add_task("testing", total=len(chosen) * len(models))

        def report(case_id: str) -> None:
            bar.update(task, advance=1, description=case_id)

        found = run(models, [c for c in chosen if c.id not in unreadable], report=report)
    failed = {**unreadable, **found.failed}
    for message in failed.values():
        console.error(message)
    if not found.cases:
        raise InputError(f"--studies {studies}: none of the {len(chosen)} cases could be used; the messages above say why")
    found = replace(found, failed=failed)
    analysis = analyse(found, seed=seed)
    about = results.describe(found, analysis, studies=studies, layout=there.layout, digests=digests)
    results.write_csv(found, output / "results.csv")
    results.write_json(about, output / "results.json")
    write_page(found, analysis, output / "report.html", about=about, title=title)
    if as_json:
        console.print_json(
            {"output": str(output), **{k: about[k] for k in ("summary", "comparisons", "trained_on_tested_cases", "failed")}}
        )
    else:
        _say(found, analysis, output, total=len(chosen))
    if failed:
        raise typer.Exit(1)


def _say(found: Evaluation, analysis: Analysis, output: Path, *, total: int) -> None:
    from rich.table import Table

    heading = "Mean Dice (95 % interval)" + (", TRAINING CASES AMONG THEM" if found.seen else "")
    table = Table("model", *found.regions, title=heading, title_justify="left")
    for label, rows in analysis.summaries.items():
        cells = []
        for region in found.regions:
            dice = rows[region]["dice"] if region in rows else None
            bounds = dice.mean_interval if dice is not None else None
            text = "" if dice is None else f"{dice.mean:.3f}"
            cells.append(text + (f" ({bounds.low:.3f} to {bounds.high:.3f})" if bounds is not None else ""))
        table.add_row(label, *cells)
    console.out.print(table)
    kept = len(found.cases) * len(found.models) - found.computed
    again = f" {kept} results were kept from before." if kept else ""
    console.out.print(f"{len(found.cases)} of {total} cases tested.{again} The page: {output / 'report.html'}. {RESEARCH_NOTICE}")
