"""``gliolabel roles``: what each case is for, and why; and refusing to train on locked cases."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gliolabel.cli import console
from gliolabel.cli.logs import quiet_libraries
from gliolabel.cli.state import STATE_VARIABLE, state_path
from gliolabel.errors import InputError

if TYPE_CHECKING:
    from gliolabel.state.roles import Roles


def roles(
    role: Annotated[Literal["train", "validation", "locked"] | None, typer.Option(help="Only cases of this role.")] = None,
    case: Annotated[str | None, typer.Option(help="Only this case.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """List what each case is for: training, validation, or locked for comparing model versions; and why.

    A case gets its role when its first label is accepted, a label beside it at the first training. All cases of a patient have the same,
    and it stays.

    Example: gliolabel --state DIR roles --role locked
    """
    quiet_libraries()
    with _open() as known:
        everything = known.all().values()
    rows = [_row(entry) for entry in everything if role in (None, entry.role) and case in (None, entry.case_id)]
    if as_json:
        console.print_json(rows)
        return
    if not rows:
        console.note("No such case has a role." if everything else "No case has a role yet: no label was accepted.")
        return
    from rich.table import Table

    table = Table("Case", "Patient", "Role", "Size", "Since (UTC)", "Why", box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*(row[key] for key in ("case_id", "patient", "role", "stratum", "since", "reason")))
    console.out.print(table)
    counted = Counter(entry.role for entry in everything)
    patients = len({entry.patient for entry in everything})
    console.note(f"{len(everything)} cases of {patients} patients: " + ", ".join(f"{counted[one]} {one}" for one in sorted(counted)))


def refuse_locked_cases(patients: Mapping[str, str]) -> None:
    """Refuse to train on cases that are locked in the state folder that was named, if one was.

    Args:
        patients: patient by case id, of what is to be trained on or to choose weights by.

    Raises:
        InputError: some are locked; it names them.
    """
    named = os.environ.get(STATE_VARIABLE)
    if not named or not Path(named).is_dir():  # nothing was accepted there yet
        return
    from gliolabel.state.roles import refuse_locked

    with _open() as known:
        refuse_locked(patients, known, patients=patients)


@contextmanager
def _open() -> Iterator[Roles]:
    """The roles in the state folder.

    Raises:
        InputError: there is none, or it is not clear which is meant.
    """
    from gliolabel.cli.model_choice import open_registry
    from gliolabel.state.roles import Roles

    path = state_path()
    if path is not None and not path.is_dir():
        raise InputError(f"state folder {path}: there is no such folder. Name the one that the server printed at its start.")
    with open_registry().database() as database:
        yield Roles(database)


def _row(entry: Any) -> dict[str, Any]:
    return {
        "case_id": entry.case_id,
        "patient": entry.patient,
        "role": entry.role,
        "stratum": entry.stratum,
        "volume_ml": entry.volume_ml,
        "reason": entry.reason,
        "since": entry.created.isoformat(sep=" ", timespec="seconds").removesuffix("+00:00"),
    }
