"""``gliolabel judge``: the gate, by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gliolabel.cli import console
from gliolabel.cli.evaluation_cases import choose_cases, open_cases
from gliolabel.cli.evaluation_choice import check_device
from gliolabel.cli.logs import quiet_libraries
from gliolabel.cli.model_choice import choose_model
from gliolabel.errors import InputError
from gliolabel.vocabulary import RESEARCH_NOTICE

if TYPE_CHECKING:
    from gliolabel.recipes import ModelVersion
    from gliolabel.training.gate import CaseMeasures, Decision, GateCase, Verdict

#: Exit codes. A refusal is an answer, not a failure: a script must be able to tell it from a full disk (1) or a mistyped path (2).
EXIT_CODES: Final[dict[Decision, int]] = {"promote": 0, "refuse": 3, "unproven": 4}


def judge(
    champion: Annotated[str, typer.Argument(help="The served version: a model's name (its champion), or a .safetensors file.")],
    challenger: Annotated[str, typer.Argument(help="The new version: a .safetensors file, or a model's name.")],
    studies: Annotated[Path, typer.Option(help="Study folder with labelled cases that neither version was trained on.", metavar="DIR")],
    report: Annotated[Path, typer.Option("--report", "--output", help="Where the verdict goes; made when needed.", metavar="DIR")],
    case: Annotated[
        list[str] | None, typer.Option("--case", "--cases", help="Only this case; may be given more than once.", metavar="ID")
    ] = None,
    criteria: Annotated[
        Path | None, typer.Option(help="YAML file with other criteria; keys it leaves out keep their values.", metavar="FILE")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or cuda:N; by default the first GPU if there is one.")] = "",
    labels: Annotated[str | None, typer.Option(help="Numbering of labels in the folder, if its layout does not tell.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON.")] = False,
) -> None:
    """Judge whether a new model version may replace another, as the server does before it promotes one. Nothing is promoted.

    Writes REPORT/index.html (one page for people, which loads nothing else), verdict.json and criteria.yaml. Cases that one of the two was
    trained on are named and do not count.

    Can be stopped and started again: finished cases lie in REPORT/cases.

    Exit codes: 0 it may, 3 refused, 4 not proven (too few cases); 1 failed, 2 bad input.
    """
    quiet_libraries()
    from gliolabel.training.gate import check_judgeable, load_criteria, write_verdict
    from gliolabel.training.gate import judge as decide

    if report.exists() and not report.is_dir():
        raise InputError(f"--report {report}: is a file. Name a folder; it is made when needed.")
    wanted = load_criteria(criteria)
    check_device(device)
    versions = [choose_model(name) for name in (champion, challenger)]
    for version in versions:
        check_judgeable(version)
    cases = _open_cases(studies, versions, labels=labels, named=case or [])
    measures = _measure(versions, cases, device=device or None, kept=report / "cases", shown=not as_json)
    verdict = decide(measures[0], measures[1], wanted, seed=seed)
    page = write_verdict(report, verdict, criteria=wanted, champion=versions[0], challenger=versions[1], cases=cases)
    if as_json:
        console.print_json({"page": str(page), **verdict.as_json()})
    else:
        _say(verdict, page)
    if code := EXIT_CODES[verdict.decision]:
        raise typer.Exit(code)


def _open_cases(studies: Path, versions: Sequence[ModelVersion], *, labels: str | None, named: Sequence[str]) -> list[GateCase]:
    from gliolabel.evaluation.cases import VolumeCase
    from gliolabel.training.gate import GateCase

    there = open_cases(studies, versions, labels=labels)
    for problem in there.problems:
        console.warning(problem)
    chosen = choose_cases(there, named=named, splits=None, part="")
    return [GateCase.of(one.case) for one in chosen if isinstance(one, VolumeCase)]


def _measure(
    versions: Sequence[ModelVersion], cases: Sequence[GateCase], *, device: str | None, kept: Path, shown: bool
) -> list[list[CaseMeasures]]:
    from gliolabel.training.gate import measure

    with console.progress_bar(shown=shown) as bar:
        task = bar.add_task("measuring", total=len(versions) * len(cases))

        def tell(case_id: str) -> None:
            bar.update(task, advance=1, description=case_id)

        return [measure(version, cases, device=device, report=tell, kept=kept) for version in versions]


def _say(verdict: Verdict, page: Path) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table("check", "holds", "in words", title_justify="left")
    for check in verdict.checks:
        table.add_row(check.name, Text("yes", "green") if check.passed else Text("no", "bold red"), Text(check.words))
    console.out.print(table)
    for case_id, why in verdict.refused.items():
        console.warning(f"case {case_id} does not count: {why}")
    console.out.print(Text(verdict.sentence, "bold"))
    console.out.print(f"The page: {page}. {RESEARCH_NOTICE}")
