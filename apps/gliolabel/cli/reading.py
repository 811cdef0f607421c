"""Options of commands that read studies, and opening them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from gliolabel.errors import InputError

if TYPE_CHECKING:
    from gliolabel.studies import Studies
    from gliolabel.studies.processing import Processing

StudiesArgument = Annotated[str, typer.Argument(help="Study folder, folder of DICOM files, or address of a PACS.", metavar="STUDIES")]
DicomRules = Annotated[Path | None, typer.Option(help="Rules: which DICOM series is which sequence.", metavar="FILE")]
DicomSearch = Annotated[str, typer.Option(help="Which studies of a PACS, as in StudyDate=20260101-.", metavar="QUERY")]
Register = Annotated[
    Literal["auto", "on", "off"], typer.Option(help="Register sequences to the reference: where their overlap says so, always, never.")
]
BrainExtraction = Annotated[
    Literal["auto", "deepbet", "synthstrip", "none"], typer.Option(help="Program for brain extraction; auto: the first that is installed.")
]
N4 = Annotated[bool, typer.Option("--n4", help="Also correct the bias field (N4).")]


def open_named(studies: str, *, labels: str | None, rules: Path | None, search: str, processing: Processing) -> Studies:
    """The studies that a person named on the command line.

    Args:
        studies: a folder, or the address of a PACS.
        labels: numbering of labels in a folder.
        rules: the site's own DICOM rules.
        search: which studies of a PACS.
        processing: what is done to the images of every case.

    Raises:
        InputError: there is no such folder, or an option cannot be used.
        UnavailableError: the PACS does not answer.
    """
    from gliolabel.dicom import DicomOptions
    from gliolabel.studies import open_studies

    if "://" not in studies and not Path(studies).expanduser().is_dir():
        raise InputError(f"STUDIES {studies}: there is no such folder. Name the folder that holds the cases, or a PACS (http://...).")
    return open_studies(studies, labels=labels, dicom=DicomOptions(rules=rules, search=search), processing=processing)
