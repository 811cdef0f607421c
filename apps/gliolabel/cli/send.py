"""``gliolabel send``: results of DICOM studies to where the studies come from, or into a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gliolabel.cli import console
from gliolabel.cli.logs import quiet_libraries
from gliolabel.errors import GlioLabelError, InputError, UnavailableError
from gliolabel.vocabulary import RESEARCH_NOTICE

if TYPE_CHECKING:
    from gliolabel.dicom.results.delivery import Delivery
    from gliolabel.state import Database


def send(
    studies: Annotated[
        str, typer.Argument(help="The PACS or the folder of DICOM files that the server was started on.", metavar="STUDIES")
    ],
    case: Annotated[list[str] | None, typer.Option(help="Only this case; may be given more than once.")] = None,
    what: Annotated[
        Literal["final", "model"], typer.Option(help="The newest accepted label, or the model's last mask with a map.")
    ] = "final",
    output: Annotated[Path | None, typer.Option(help="Write the objects into this folder instead.", metavar="DIR")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Make the objects, tell what would be sent, and send nothing.")] = False,
    dicom_rules: Annotated[Path | None, typer.Option(help="As for the server.", metavar="FILE")] = None,
    dicom_search: Annotated[str, typer.Option(help="As for the server.", metavar="QUERY")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
) -> None:
    """Send results as DICOM objects: segmentation, uncertainty map and measurement report, in the study of their images.

    To the PACS that the studies come from; of a folder of DICOM files into the state folder. Sending again is safe: what is there
    already stays, and nothing is doubled. A case that cannot be sent is named, and the others go on; the exit code is then 1.

    Example: gliolabel send http://pacs.example/dicom-web --case study-0123456789ab --dry-run
    """
    quiet_libraries()
    from gliolabel.cli.model_choice import open_registry
    from gliolabel.dicom import DicomOptions
    from gliolabel.dicom.results.delivery import Delivery, destination_of
    from gliolabel.dicom.results.destinations import FolderDestination
    from gliolabel.dicom.results.gathering import Gathering
    from gliolabel.state import resolve_state_folder
    from gliolabel.studies import open_studies

    state = resolve_state_folder(studies=studies)
    if not state.path.is_dir():
        raise InputError(
            f"STUDIES {studies}: there is no state folder {state.path}, so there are no results. Name it: gliolabel --state DIR."
        )
    # What the server knows of a PACS is in the state folder: asking for all studies anew would take long.
    options = DicomOptions(rules=dicom_rules, search=dicom_search, cache=state.cache / "dicom")
    store = open_studies(studies, dicom=options)
    own = destination_of(store, folder=state.results)
    destination = own if output is None else FolderDestination(output)
    with open_registry(state.path).database() as database:
        gathering = Gathering(database)
        chosen = list(case) if case else sorted(one for one in gathering.cases(what) if one in store)
        if not chosen:
            raise InputError(f"STUDIES {studies}: no case has {'an accepted label' if what == 'final' else 'a mask with a map'}.")
        delivery = Delivery(store, gathering, destination)
        rows, failed = _send_all(chosen, delivery, database, what=what, dry_run=dry_run, record=output is None and not dry_run)
    if as_json:
        console.print_json({"place": destination.place, "what": what, "cases": rows, "failed": failed})
    else:
        for row in rows:
            objects = ", ".join(f"{one['kind']} ({one['state']})" for one in row["objects"])
            console.out.print(f"{row['case']}: {objects}")
        console.note(f"{len(rows)} of {len(chosen)} cases, {destination.place}. {RESEARCH_NOTICE}")
    if failed:
        raise typer.Exit(1)


def _send_all(
    cases: list[str], delivery: Delivery, database: Database, *, what: Literal["final", "model"], dry_run: bool, record: bool
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    from gliolabel.cli.models.options import who
    from gliolabel.state.outbox import Outbox

    rows: list[dict[str, Any]] = []
    failed: dict[str, str] = {}
    for case_id in cases:
        try:
            sent = delivery.send(case_id, what, pretend=dry_run)
        except UnavailableError:  # the PACS is away: the next case would fail too
            raise
        except GlioLabelError as error:
            failed[case_id] = str(error)
            console.error(str(error))
            continue
        new = "would be sent" if dry_run else "sent"
        objects = [{"kind": one.kind, "uid": one.uid, "state": new if one in sent.new else "there already"} for one in sent.objects]
        rows.append({"case": case_id, "name": sent.name, "objects": objects})
        if record:
            plain = [{"kind": one.kind, "uid": one.uid} for one in sent.objects]
            Outbox(database).record(
                case_id, what=what, version=sent.version, actor=who(""), place=delivery.destination.place, objects=plain
            )
    return rows, failed
