"""``gliolabel backup``: a copy of the state folder, also while the server runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from gliolabel.cli import console
from gliolabel.cli.logs import quiet_libraries

#: Seconds to wait for a promotion or rollback that is under way.
_PATIENCE_S: Final = 60


def backup(
    target: Annotated[Path, typer.Argument(help="Folder for the copy; must not exist yet.", metavar="TARGET")],
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Copy the state folder: labels, database, model versions, trainings. The server may go on running.

    Every label is compared with its checksum. The copy is a state folder itself: put it in the place of the lost one, or start a server
    on it. Caches and sessions are left out.

    Example: gliolabel --state DIR backup /backup/gliolabel-2026-11-21
    """
    quiet_libraries()
    from filelock import FileLock, Timeout

    from gliolabel.errors import UnavailableError
    from gliolabel.state import resolve_state_folder
    from gliolabel.state.backup import back_up

    folder = resolve_state_folder()
    lock = FileLock(folder.models / "lock", timeout=_PATIENCE_S) if folder.models.is_dir() else None
    try:
        if lock is not None:
            lock.acquire()
        with console.err.status(f"Copying {folder.path} ..."):
            made = back_up(folder, target)
    except Timeout as error:
        raise UnavailableError(
            f"Another process has been changing the models in {folder.models} for {_PATIENCE_S} s; try again when it has ended."
        ) from error
    finally:
        if lock is not None:
            lock.release()
    if as_json:
        console.print_json({"path": str(made.path), "labels": made.labels, "files": made.files, "bytes": made.size})
        return
    console.out.print(f"{made.path}: {made.labels} labels, {made.files} files, {made.size / 1e6:.1f} MB", highlight=False)
