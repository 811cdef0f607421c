from __future__ import annotations

import threading
from pathlib import Path

import pytest

from gliolabel.errors import ConflictError, InputError, UnavailableError, UnknownError
from gliolabel.state import Database, StateFolder, find_state_folders, resolve_state_folder
from gliolabel.state.cases import CaseNotes, UploadStore
from gliolabel.state.files import file_sha256, file_stem
from gliolabel.state.labels import FINAL, IMPORT_AUTHOR, LabelStore
from gliolabel.state.maps import RUNS_KEPT, MapKey, MapStore


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(StateFolder(tmp_path / "state").create())


def put(text: str):
    return lambda path: path.write_text(text)


# --- the folder


def test_explicit_folder_wins_over_environment(tmp_path: Path) -> None:
    environment = {"GLIOLABEL_STATE": str(tmp_path / "env")}
    assert resolve_state_folder(tmp_path / "flag", studies="/data", environment=environment).path == tmp_path / "flag"
    assert resolve_state_folder(None, studies="/data", environment=environment).path == tmp_path / "env"


def test_default_folder_belongs_to_the_study_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    a = resolve_state_folder(studies="/data/a", environment={})
    assert a == resolve_state_folder(studies="/data/a/", environment={})
    assert a != resolve_state_folder(studies="/data/b", environment={})
    assert a.path.parent == tmp_path / "gliolabel"
    url = "http://pacs/dicom-web"
    assert resolve_state_folder(studies=url + "/", environment={}) == resolve_state_folder(studies=url, environment={})


def test_without_a_name_the_only_folder_is_taken_else_they_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with pytest.raises(InputError, match="no state folder"):
        resolve_state_folder(environment={})
    a = resolve_state_folder(studies="/data/a", environment={}).create(studies="/data/a")
    assert resolve_state_folder(environment={}) == a
    resolve_state_folder(studies="/data/b", environment={}).create(studies="/data/b")
    with pytest.raises(InputError, match="/data/a") as listed:
        resolve_state_folder(environment={})
    assert "/data/b" in str(listed.value)
    assert len(find_state_folders()) == 2


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnavailableError, match="--conf state"):
        StateFolder(tmp_path / "file" / "state").create()


def test_file_stems_differ_when_names_do() -> None:
    names = ["BraTS_1", "brats_1", "5: t1_mprage", "5_ t1_mprage", "../evil", "ü", "a" * 300, "con.", "BRATS_1"]
    stems = [file_stem(name) for name in names]
    assert len({stem.lower() for stem in stems}) == len(names)
    assert all("/" not in stem and not stem.startswith(".") and len(stem) < 110 for stem in stems)


# --- the database


def test_database_survives_reopening_and_refuses_a_newer_one(database: Database) -> None:
    CaseNotes(database).merge("a", {"x": 1})
    again = Database(database.folder)
    assert CaseNotes(again).get("a") == {"x": 1}
    with again.writing() as session:
        session.connection().exec_driver_sql("UPDATE about SET value = '999'")
    with pytest.raises(InputError, match="newer"):
        Database(database.folder)


def test_a_failing_block_stores_nothing(database: Database) -> None:
    def fail() -> None:
        with database.writing() as session:
            session.connection().exec_driver_sql("DELETE FROM about")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    Database(database.folder)
    with database.reading() as session:
        assert session.connection().exec_driver_sql("SELECT count(*) FROM about").scalar() == 1


def test_notes_are_merged_one_level_deep(database: Database) -> None:
    notes = CaseNotes(database)
    notes.merge("a", {"strategy": {"random": {"ts": 1}}, "x": 1})
    notes.merge("a", {"strategy": {"sequential": {"ts": 2}}, "x": 2})
    assert notes.get("a") == {"strategy": {"random": {"ts": 1}, "sequential": {"ts": 2}}, "x": 2}
    assert notes.get("b") == {}
    assert set(notes.all()) == {"a"}


# --- labels


def test_versions_count_up_and_none_is_overwritten(database: Database) -> None:
    labels = LabelStore(database)
    for text in ("one", "two", "three"):
        labels.add("a", tag=FINAL, write=put(text), author="ann", info={"client_id": text})
    rows = labels.versions("a", FINAL)
    assert [row.version for row in rows] == [1, 2, 3]
    assert [labels.file(row).read_text() for row in rows] == ["one", "two", "three"]
    assert all(file_sha256(labels.file(row)) == row.sha256 for row in rows)
    newest = labels.newest("a", FINAL)
    assert newest.version == 3
    assert newest.info == {"client_id": "three"}
    assert newest.created.tzinfo is not None
    assert labels.newest("a", "original") is None


def test_many_at_once_are_all_kept(database: Database) -> None:
    labels, errors = LabelStore(database), []

    def submit(number: int) -> None:
        try:
            labels.add("a", tag=FINAL, write=put(str(number)), info={"number": number})
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=submit, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    rows = labels.versions("a", FINAL)
    assert [row.version for row in rows] == list(range(1, 21))
    assert {(row.info["number"], labels.file(row).read_text()) for row in rows} == {(n, str(n)) for n in range(20)}


def test_a_failing_writer_leaves_nothing(database: Database) -> None:
    labels = LabelStore(database)

    def fail(path: Path) -> None:
        path.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(UnavailableError, match="No space left"):
        labels.add("a", tag=FINAL, write=fail)
    assert labels.versions("a") == []
    assert [p for p in database.folder.labels.rglob("*") if p.is_file()] == []


def test_removed_labels_are_hidden_but_kept(database: Database) -> None:
    labels = LabelStore(database)
    file = labels.file(labels.add("a", tag=FINAL, write=put("one")))
    assert labels.remove("a", FINAL) == 1
    assert labels.newest("a", FINAL) is None
    assert labels.cases_with(FINAL) == set()
    assert file.read_text() == "one"
    assert labels.add("a", tag=FINAL, write=put("two")).version == 2


def test_imported_labels_are_version_one_and_can_be_ignored(database: Database) -> None:
    labels = LabelStore(database)
    assert labels.note_imports(["a", "b"]) == 2
    assert labels.note_imports(["a", "b", "c"]) == 1
    row = labels.newest("a", FINAL)
    assert (row.version, row.author, labels.file(row)) == (1, IMPORT_AUTHOR, None)
    row = labels.materialise(row, put("mask"))
    assert labels.file(row).read_text() == "mask"
    assert labels.file(labels.materialise(row, put("again"))).read_text() == "mask"
    labels.add("a", tag=FINAL, write=put("corrected"), author="ann")
    assert labels.cases_by_tag() == {FINAL: {"a", "b", "c"}}
    ignoring = LabelStore(database, imported=False)
    assert ignoring.cases_with(FINAL) == {"a"}
    assert [row.version for row in ignoring.versions("a")] == [2]


def test_label_info_is_merged_into_the_newest(database: Database) -> None:
    labels = LabelStore(database)
    labels.add("a", tag=FINAL, write=put("one"), info={"x": 1})
    labels.add("a", tag=FINAL, write=put("two"), info={"x": 2})
    labels.update_info("a", FINAL, {"segmentationMeta": {"status": "approved"}})
    assert [row.info for row in labels.versions("a")] == [{"x": 1}, {"x": 2, "segmentationMeta": {"status": "approved"}}]
    with pytest.raises(UnknownError):
        labels.update_info("a", "original", {})


# --- uploads


def test_same_upload_again_is_fine_another_one_is_not(database: Database) -> None:
    uploads = UploadStore(database)
    first = uploads.add("5: t1", write=put("v"), extension=".nrrd", voxels_sha256="1")
    assert uploads.add("5: t1", write=put("v"), extension=".nrrd", voxels_sha256="1").path == first.path
    with pytest.raises(ConflictError, match="Rename"):
        uploads.add("5: t1", write=put("w"), extension=".nrrd", voxels_sha256="2")
    assert len(list(database.folder.uploads.iterdir())) == 1
    assert set(uploads.all()) == {"5: t1"}
    assert uploads.remove("5: t1")
    assert not uploads.remove("5: t1")
    assert list(database.folder.uploads.iterdir()) == []


# --- maps


def run(model: str = "unet3d", version: str = "1", seed: int = 0, source: str = "s") -> MapKey:
    return MapKey(case_id="a", model=model, version=version, passes=20, seed=seed, source=source)


def test_one_map_per_case_is_current_and_old_files_go(database: Database) -> None:
    maps = MapStore(database)
    files = {"std": put("std"), "mask": put("mask")}
    for model in ("unet3d", "resunet2d"):
        maps.add(run(model), files=files, scores={"WT": {"pairwise_dice": 0.5}}, current=True)
    assert maps.current("a").model == "resunet2d"
    assert maps.find(run("unet3d")) is not None
    maps.make_current(maps.find(run("unet3d")))
    assert maps.all_current()["a"].model == "unet3d"
    for seed in range(1, 4):
        maps.add(run(seed=seed), files=files, scores={}, current=False)
    assert maps.current("a").seed == 0, "an extra run does not push the current one out"
    assert len([p for p in database.folder.maps.rglob("*") if p.is_file()]) == RUNS_KEPT * len(files)


def test_a_changed_image_has_no_map(database: Database) -> None:
    maps = MapStore(database)
    maps.add(run(source="old"), files={"std": put("x")}, scores={}, current=True)
    assert maps.find(run(source="new")) is None
    maps.add(run(source="new"), files={"std": put("y")}, scores={}, current=True)
    assert maps.file(maps.find(run(source="new")), "std").read_text() == "y"
    assert maps.find(run(source="old")) is None


def test_scores_stay_by_model_version_until_the_case_goes(database: Database) -> None:
    maps = MapStore(database)
    for version in ("1", "2", "3"):
        maps.add(run(version=version), files={"std": put("x")}, scores={"v": version}, current=True)
    assert maps.find(run(version="1")) is None, "its map went"
    assert maps.scores(model="unet3d", version="1")["a"].scores == {"v": "1"}
    maps.remove("a")
    assert maps.current("a") is None
    assert maps.scores(model="unet3d", version="3") == {}
    assert [p for p in database.folder.maps.rglob("*") if p.is_file()] == []


def test_a_lost_file_means_no_map(database: Database) -> None:
    maps = MapStore(database)
    row = maps.add(run(), files={"std": put("x")}, scores={}, current=True)
    maps.file(row, "std").unlink()
    assert maps.find(run()) is None
