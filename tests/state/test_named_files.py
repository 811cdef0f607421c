"""Files and the rows that name them, when the process is killed in between or the disk refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from gliolabel.errors import UnavailableError
from gliolabel.state import Database, StateFolder
from gliolabel.state.cases import UploadStore
from gliolabel.state.labels import FINAL, LabelStore
from gliolabel.state.leftovers import clear_leftovers
from gliolabel.state.maps import MapKey, MapStore
from gliolabel.state.masks import MaskStore
from gliolabel.state.named_files import hidden_name
from gliolabel.state.tables import LabelRow


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(StateFolder(tmp_path / "state").create())


def put(text: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(text)


def files(database: Database) -> list[str]:
    folder = database.folder
    return sorted(path.name for part in (folder.labels, folder.uploads, folder.maps, folder.masks) for path in part.rglob("*.*"))


def test_a_row_that_cannot_be_committed_leaves_no_file(database: Database) -> None:
    labels, uploads = LabelStore(database), UploadStore(database)
    labels.add("a", tag=FINAL, write=put("one"))

    def full(_session: Session, _row: LabelRow) -> None:
        raise UnavailableError("database or disk is full")

    with pytest.raises(UnavailableError, match="disk is full"):
        labels.add("a", tag=FINAL, write=put("two"), with_it=full)
    with database.writing() as session:
        session.connection().exec_driver_sql("CREATE TRIGGER full BEFORE INSERT ON uploads BEGIN SELECT RAISE(ABORT, 'full'); END")
    with pytest.raises(Exception, match="full"):
        uploads.add("x", write=put("x"), extension=".nrrd", voxels_sha256="0")
    assert len(files(database)) == 1
    assert labels.add("a", tag=FINAL, write=put("three")).version == 2


def test_a_file_that_cannot_be_written_leaves_neither_row_nor_file(database: Database) -> None:
    labels = LabelStore(database)

    def half(path: Path) -> None:
        path.write_text("ha")
        raise OSError(28, "No space left on device")

    with pytest.raises(UnavailableError, match=r"No space left on device\)\. Nothing was stored"):
        labels.add("a", tag=FINAL, write=half)
    assert files(database) == []
    assert labels.versions("a") == []


def test_killed_before_the_commit_nothing_was_stored(database: Database) -> None:
    labels = LabelStore(database)
    kept = labels.file(labels.add("a", tag=FINAL, write=put("one")))
    assert kept is not None
    # What a process leaves that is killed while it writes, and one that is killed before it commits.
    (kept.parent / ".0123456789abcdef.nii.gz").write_text("ha")
    hidden_name(kept.with_name("a_final_20260101T000000_00000000.nii.gz")).write_text("two")
    hidden_name(database.folder.uploads / "x_00000000.nrrd").write_text("x")
    assert clear_leftovers(database) == 3
    assert files(database) == [kept.name]
    assert clear_leftovers(database) == 0


def test_killed_after_the_commit_it_is_stored(database: Database) -> None:
    labels, uploads = LabelStore(database), UploadStore(database)
    row = labels.add("a", tag=FINAL, write=put("one"))
    upload = uploads.add("x", write=put("x"), extension=".nrrd", voxels_sha256="0")
    for path in (database.folder.path / str(row.path), uploads.file(upload)):
        path.rename(hidden_name(path))
    # Whoever asks before it has its name is given it all the same.
    file = labels.file(row)
    assert file is not None
    assert (file.read_text(), file.name) == ("one", Path(str(row.path)).name)
    file.rename(hidden_name(file))
    assert clear_leftovers(database) == 0
    assert (file.read_text(), uploads.file(upload).read_text()) == ("one", "x")


def test_labels_that_an_older_database_does_not_name_are_kept(database: Database) -> None:
    labels = LabelStore(database)
    file = labels.file(labels.add("a", tag=FINAL, write=put("one")))
    with database.writing() as session:  # as after a backup of the database was brought back
        session.connection().exec_driver_sql("DELETE FROM label_versions")
    assert clear_leftovers(database) == 0
    assert file is not None
    assert file.read_text() == "one"


def test_a_file_that_another_start_cleared_away_is_not_stored(database: Database) -> None:
    labels = LabelStore(database)

    def cleared_away(_session: Session, row: LabelRow) -> None:
        hidden_name(database.folder.path / str(row.path)).unlink()

    with pytest.raises(UnavailableError, match="cleared away while it was being stored"):
        labels.add("a", tag=FINAL, write=put("one"), with_it=cleared_away)
    assert (labels.versions("a"), files(database)) == ([], [])
    assert labels.add("a", tag=FINAL, write=put("one")).version == 1


def test_maps_and_masks_without_a_row_are_deleted(database: Database, tmp_path: Path) -> None:
    maps, masks = MapStore(database), MaskStore(database)
    key = MapKey("a", model="unet3d", version="1", passes=2, seed=0, source="s")
    run = maps.add(key, files={"std": put("std"), "mask": put("mask")}, scores={}, current=True)
    (tmp_path / "mask.nrrd").write_text("mask")
    mask = masks.keep("a", reader="ann", model="unet3d", version="1", mask=tmp_path / "mask.nrrd", extension=".nrrd")
    kept = files(database)
    assert len(kept) == 3
    (maps.file(run, "std").parent / "a_std_unet3d_00000000.nii.gz").write_text("std")
    (maps.file(run, "std").parent / ".0123456789abcdef.nii.gz").write_text("st")
    (masks.file(mask).parent / "a_unet3d_00000000.nrrd").write_text("mask")
    assert clear_leftovers(database) == 3
    assert files(database) == kept
