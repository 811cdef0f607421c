"""``gliolabel doctor``: what is wrong with this installation, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gliolabel.cli import console
from gliolabel.cli.doctor.check import Check, Level
from gliolabel.cli.logs import quiet_libraries
from gliolabel.labelserver.queueing import DEFAULT_QUEUE

if TYPE_CHECKING:
    from gliolabel.dicom import DicomOptions

_MARKS = {Level.OK: ("ok  ", "green"), Level.WARNING: ("warn", "yellow"), Level.BAD: ("BAD ", "bold red")}


def doctor(
    studies: Annotated[str | None, typer.Option(help="Also look at this study folder or PACS.", metavar="DIR|URL")] = None,
    host: Annotated[str, typer.Option(help="Address the server shall listen on; MONAI Label's own default is 0.0.0.0.")] = "0.0.0.0",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port the server shall listen on.")] = 8000,
    labels: Annotated[str | None, typer.Option(help="Numbering of labels in the folder, if its layout does not tell.")] = None,
    dicom_rules: Annotated[Path | None, typer.Option(help="Rules: which DICOM series is which sequence.", metavar="FILE")] = None,
    dicom_search: Annotated[str, typer.Option(help="Which studies of a PACS, as in StudyDate=20260101-.", metavar="QUERY")] = "",
    memory: Annotated[float | None, typer.Option(min=0.1, help="Show the plan with this --conf memory.", metavar="GIB")] = None,
    queue: Annotated[int, typer.Option(min=1, help="... and this --conf queue.")] = DEFAULT_QUEUE,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Check versions, hardware, disk, port, weights and a study folder; name what is wrong and the fix.

    Of DICOM studies, every one is listed with what was recognised, left out, and is in doubt.

    Exit code 1 when something must be fixed; warnings alone are 0.
    """
    quiet_libraries()
    from gliolabel.dicom import DicomOptions

    dicom = DicomOptions(rules=dicom_rules, search=dicom_search)
    checks = list(run_checks(studies=studies, host=host, port=port, labels=labels, dicom=dicom, memory=memory, queue=queue))
    bad = sum(check.level is Level.BAD for check in checks)
    if as_json:
        console.print_json({"ok": bad == 0, "checks": [check.as_dict() for check in checks]})
    else:
        for check in checks:
            _print(check)
        warnings = sum(check.level is Level.WARNING for check in checks)
        console.out.print(f"\n{bad} to fix, {warnings} to know." if bad or warnings else "\nAll is well.")
    if bad:
        raise typer.Exit(1)


def run_checks(
    *,
    studies: str | None,
    host: str,
    port: int,
    labels: str | None = None,
    dicom: DicomOptions | None = None,
    memory: float | None = None,
    queue: int = DEFAULT_QUEUE,
) -> Iterator[Check]:
    """All checks, in the order in which a person would fix things.

    Args:
        studies: study folder or PACS to look at, if any.
        host: address that the server shall listen on.
        port: port that it shall listen on.
        labels: numbering of the labels in the study folder.
        dicom: how DICOM studies are read.
        memory: ``--conf memory`` of the server.
        queue: its ``--conf queue``.
    """
    from gliolabel.cli.doctor import data, hardware, login, results, server, software

    yield software.python_version()
    yield software.packages()
    yield software.monailabel_files()
    yield hardware.torch_build()
    yield hardware.gpu_memory()
    yield hardware.processor()
    yield hardware.memory()
    yield hardware.memory_plan(memory, queue=queue)
    yield data.weights()
    yield data.state_folder(studies)
    yield data.disk(studies)
    yield results.results(studies)
    yield server.port_free(host, port)
    yield server.access(host)
    yield login.login()
    if studies is not None:
        yield from data.study_folder(studies, labels=labels, dicom=dicom)


def _print(check: Check) -> None:
    from rich.text import Text

    mark, style = _MARKS[check.level]
    console.out.print(Text.assemble((mark, style), " ", (f"{check.name}: ", "bold"), check.message))
    if check.fix:
        console.out.print(Text.assemble("     ", ("-> ", "bold"), check.fix))


__all__ = ["Check", "Level", "doctor", "run_checks"]
