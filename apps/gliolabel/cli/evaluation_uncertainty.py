"""``gliolabel evaluate --uncertainty``: is a model unsure where it is wrong?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from gliolabel.cli import console
from gliolabel.cli.evaluation_cases import choose_cases, open_cases
from gliolabel.cli.evaluation_choice import digests_of
from gliolabel.cli.evaluation_folds import held_out_cases, open_parts
from gliolabel.cli.model_choice import choose_model
from gliolabel.errors import InputError
from gliolabel.vocabulary import DEFAULT_MODEL, REGIONS, RESEARCH_NOTICE

if TYPE_CHECKING:
    from gliolabel.evaluation.uncertainty.running import HeldOut, UncertaintyRun


@dataclass(frozen=True)
class UncertaintyOptions:
    """What the command line said; see :func:`gliolabel.cli.evaluate.evaluate`."""

    studies: Path
    output: Path
    models: Sequence[str]
    folds: Sequence[str]
    cases: Sequence[str]
    splits: Path | None
    part: str
    passes: int
    seed: int
    device: str
    labels: str | None
    allow: bool
    title: str
    as_json: bool


def evaluate_uncertainty(options: UncertaintyOptions) -> None:
    """Run the test and write its page, table and JSON.

    Args:
        options: the command line.

    Raises:
        InputError: a model or a case cannot be tested.
        typer.Exit: code 1, when a case could not be used.
    """
    if options.folds and (options.models or options.splits):
        raise InputError("--fold-weights: names models and their cases; leave out --model and --splits")
    if len(options.models) > 1:
        raise InputError("--uncertainty: tests one --model; the folds of a cross-validation go with --fold-weights")
    versions = [choose_model(name) for name in (options.folds or options.models or [DEFAULT_MODEL])]
    there = open_cases(options.studies, versions, labels=options.labels)
    for problem in there.problems:
        console.warning(problem)
    if options.folds:
        cases = held_out_cases(versions, there, named=options.cases)
    else:
        cases = [choose_cases(there, named=options.cases, splits=options.splits, part=options.part)]
    shown = not options.as_json
    digests, unreadable = digests_of([case for own in cases for case in own], shown=shown)
    parts = open_parts(versions, cases, digests, output=options.output, device=options.device, allow=options.allow)
    found = _run(parts, digests, passes=options.passes, seed=options.seed, shown=shown)
    failed = {**unreadable, **found.failed}
    for message in failed.values():
        console.error(message)
    if not found.outcomes:
        raise InputError(f"--studies {options.studies}: none of the {len(failed)} cases could be used; the messages above say why")
    _write(found, failed, digests, layout=there.layout, options=options)
    if failed:
        raise typer.Exit(1)


def _run(parts: Sequence[HeldOut], digests: Mapping[str, Mapping[str, str]], *, passes: int, seed: int, shown: bool) -> UncertaintyRun:
    from gliolabel.evaluation.uncertainty.measuring import counts_up_to
    from gliolabel.evaluation.uncertainty.running import run_uncertainty

    total = sum(len(part.cases) for part in parts)
    with console.progress_bar(shown=shown) as bar:
        # In passes, so that the bar moves; a case is minutes.
        task = bar.add_task("testing", total=total * passes)
        finished = 0

        def report(case_id: str, share: float) -> None:
            nonlocal finished
            bar.update(task, completed=round((finished + share) * passes), description=case_id)
            finished += share == 1.0

        return run_uncertainty(parts, digests=digests, counts=counts_up_to(passes), seed=seed, report=report)


def _write(
    found: UncertaintyRun, failed: Mapping[str, str], digests: Mapping[str, Mapping[str, str]], *, layout: str, options: UncertaintyOptions
) -> None:
    from gliolabel.evaluation.results import write_json
    from gliolabel.evaluation.uncertainty.analysis import analyse_uncertainty
    from gliolabel.evaluation.uncertainty.page import write_uncertainty_page
    from gliolabel.evaluation.uncertainty.results import describe_uncertainty, write_rows

    found = replace(found, failed=failed)
    content = analyse_uncertainty(found, seed=options.seed)
    about = describe_uncertainty(found, content, studies=options.studies, layout=layout, digests=digests, seed=options.seed)
    output = options.output
    write_rows(found, output / "uncertainty.csv")
    write_json(about, output / "uncertainty.json")
    write_uncertainty_page(about, output / "uncertainty.html", title=options.title)
    if options.as_json:
        keys = ("numbers", "best_aurc", "differences", "calibration", "triage", "places", "trained_on_tested_cases", "failed")
        console.print_json({"output": str(output), **{key: about[key] for key in keys}})
    else:
        _say(found, about, output)


def _say(found: UncertaintyRun, about: Mapping[str, Any], output: Path) -> None:
    from rich.table import Table

    last = str(found.counts[-1])
    heading = f"AURC x 1000 and QU-BraTS score, {last} passes" + (", TRAINING CASES AMONG THEM" if found.seen else "")
    table = Table("map", *(f"{region} {name}" for region in REGIONS for name in ("AURC", "QU-BraTS")), title=heading, title_justify="left")
    for name, kind in about["maps"].items():
        cells = []
        for region in REGIONS:
            by_count = about["numbers"][region][name]
            numbers = by_count.get(last) or by_count["0"]
            cells += [f"{1000 * numbers['aurc']:.3f}", f"{numbers['qu_brats']:.4f}"]
        table.add_row(kind["title"], *cells)
    console.out.print(table)
    kept = len(found.outcomes) - found.computed
    again = f" {kept} results were kept from before." if kept else ""
    total = len(found.outcomes) + len(found.failed)
    console.out.print(f"{len(found.outcomes)} of {total} cases tested.{again} The page: {output / 'uncertainty.html'}. {RESEARCH_NOTICE}")
