"""``gliolabel models audit``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from gliolabel.cli import console
from gliolabel.cli.models.options import Json, open_quietly

_FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]


def audit(
    event: Annotated[str | None, typer.Option(help="Only events of this kind, for example promotion.")] = None,
    actor: Annotated[str | None, typer.Option(help="Only what this person did.", metavar="NAME")] = None,
    case: Annotated[str | None, typer.Option(help="Only what is about this case.")] = None,
    model: Annotated[str | None, typer.Option(help="Only what is about this model.")] = None,
    version: Annotated[str | None, typer.Option(help="Only what is about this model version.")] = None,
    since: Annotated[datetime | None, typer.Option(formats=_FORMATS, help="From this local time on.")] = None,
    until: Annotated[datetime | None, typer.Option(formats=_FORMATS, help="Before this local time.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the newest so many.")] = None,
    as_json: Json = False,
) -> None:
    """Show what was done, by whom and why, oldest first.

    Submissions, trainings, verdicts, promotions, rollbacks, overrides and roles of cases. The log can only be added to. Patients are
    named by the case id alone.

    Example: gliolabel models audit --event override --since 2026-01-01
    """
    registry = open_quietly()
    with registry.audit() as log:
        rows = [
            _row(entry)
            for entry in log.entries(
                event=event,
                actor=actor,
                case_id=case,
                model=model,
                version=version,
                since=None if since is None else since.astimezone(),
                until=None if until is None else until.astimezone(),
                limit=limit,
            )
        ]
    if as_json:
        console.print_json(rows)
        return
    if not rows:
        console.note("There are no such events.")
        return
    from rich.table import Table

    table = Table("When (UTC)", "Event", "Who", "Case", "Model", "Version", "Reason", box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*(row[key] for key in ("when", "event", "actor", "case_id", "model", "version", "reason")))
    console.out.print(table)


def _row(entry: Any) -> dict[str, Any]:
    created = entry.created if entry.created.tzinfo else entry.created.replace(tzinfo=UTC)
    return {
        "when": created.astimezone(UTC).isoformat(sep=" ", timespec="seconds").removesuffix("+00:00"),
        "event": entry.event,
        "actor": entry.actor,
        "case_id": entry.case_id,
        "model": entry.model,
        "version": entry.version,
        "reason": entry.reason,
        "details": dict(entry.details),
    }
