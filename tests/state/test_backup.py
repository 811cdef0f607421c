"""A backup is whole and consistent, also while somebody writes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from gliolabel.errors import InputError, UnavailableError
from gliolabel.state import Database, StateFolder
from gliolabel.state.backup import back_up
from gliolabel.state.files import file_sha256
from gliolabel.state.labels import FINAL, LabelStore
from gliolabel.state.leftovers import clear_leftovers
from gliolabel.state.named_files import hidden_name
from gliolabel.state.tables import LabelRow


@pytest.fixture
def state(tmp_path: Path) -> Database:
    database = Database(StateFolder(tmp_path / "state").create(studies=tmp_path / "studies"))
    store = LabelStore(database)
    for number in range(5):
        store.add(f"Case_{number:03d}", tag=FINAL, write=text(f"label {number}"))
    return database


def text(content: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(content)


def rows(database: Database) -> list[LabelRow]:
    with database.reading() as session:
        return list(session.scalars(select(LabelRow)))


def require_whole(folder: Path) -> int:
    """Every row of the copy names a file that is what it was; returns how many rows there are."""
    database = Database(StateFolder(folder).create())
    clear_leftovers(database)  # as a server that starts
    found = rows(database)
    assert all(file_sha256(folder / str(row.path)) == row.sha256 for row in found)
    database.close()
    return len(found)


def test_a_copy_is_a_state_folder(state: Database, tmp_path: Path) -> None:
    (state.folder.cache / "volume.nii.gz").write_text("can be made again")
    (state.folder.models / "artifacts").mkdir(parents=True)
    (state.folder.models / "artifacts" / "weights").write_text("weights")
    made = back_up(state.folder, tmp_path / "copy")
    assert made.labels == 5
    assert require_whole(made.path) == 5
    assert (made.path / "models" / "artifacts" / "weights").read_text() == "weights"
    assert StateFolder(made.path).studies == str(tmp_path / "studies")
    assert not (made.path / "cache" / "volume.nii.gz").exists()
    assert not list(tmp_path.glob(".copy*"))


def test_rows_that_are_still_in_the_write_ahead_log_are_copied(state: Database, tmp_path: Path) -> None:
    """What is copied is not the database's file alone."""
    wal = state.folder.database.with_name(state.folder.database.name + "-wal")
    assert wal.stat().st_size > 0
    assert require_whole(back_up(state.folder, tmp_path / "copy").path) == 5


def test_while_somebody_submits(state: Database, tmp_path: Path) -> None:
    stop, stored = threading.Event(), []

    def submit(reader: str) -> None:
        store = LabelStore(Database(state.folder))
        while not stop.is_set():
            stored.append(store.add(f"{reader}-{len(stored)}", tag=FINAL, write=text(f"{reader} {len(stored)}" * 500)))

    readers = [threading.Thread(target=submit, args=(name,)) for name in ("ann", "bob")]
    for reader in readers:
        reader.start()
    counts = []
    try:
        for number in range(5):
            before = len(stored)
            made = back_up(state.folder, tmp_path / f"copy-{number}")
            counts.append((before, made.path))
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    for before, path in counts:
        assert require_whole(path) >= 5 + before  # what was stored before it began is in it
    assert len(stored) > 5


def test_a_label_without_its_own_name_yet(state: Database, tmp_path: Path) -> None:
    """Its process was killed, or is just about to name it."""
    path = state.folder.path / str(rows(state)[0].path)
    path.rename(hidden_name(path))
    assert require_whole(back_up(state.folder, tmp_path / "copy").path) == 5


def test_a_label_that_was_changed_is_named(state: Database, tmp_path: Path) -> None:
    path = state.folder.path / str(rows(state)[2].path)
    path.write_text("somebody was here")
    with pytest.raises(UnavailableError, match=path.name):
        back_up(state.folder, tmp_path / "copy")
    path.unlink()
    with pytest.raises(UnavailableError, match=path.name):
        back_up(state.folder, tmp_path / "copy")
    assert [entry.name for entry in tmp_path.iterdir()] == ["state"]


def test_refusals(state: Database, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no state folder"):
        back_up(StateFolder(tmp_path / "nothing"), tmp_path / "copy")
    with pytest.raises(InputError, match="within"):
        back_up(state.folder, state.folder.path / "copy")
    with pytest.raises(InputError, match="exists already"):
        back_up(state.folder, tmp_path)
