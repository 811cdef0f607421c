from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from gliolabel.errors import ConflictError, InputError, UnknownError
from gliolabel.labelserver.datastore import CaseDatastore
from gliolabel.phantoms import write_phantom_folder
from gliolabel.state import Database, StateFolder
from gliolabel.state.maps import MapKey
from gliolabel.studies import open_studies
from gliolabel.studies.writing import write_volume

SMALL = (40, 64, 64)


@pytest.fixture
def folder(tmp_path: Path, phantom_folder: Path) -> Path:
    return Path(shutil.copytree(phantom_folder, tmp_path / "studies"))


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path / "state").create()


def unlabelled(folder: Path) -> Path:
    for path in folder.rglob("*seg*"):
        path.unlink()
    return folder


def open_store(folder: Path, state: StateFolder, **options: bool) -> CaseDatastore:
    return CaseDatastore(open_studies(folder), Database(state), **options)


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob("*")}


def save(store: CaseDatastore, case_id: str, path: Path, **info: object) -> None:
    store.save_label(case_id, str(path), "final", {"client_id": "ann", "label_info": [{"name": "edema"}], **info})


def a_label(store: CaseDatastore, case_id: str, path: Path) -> Path:
    grid = store.case(case_id).case.grid()
    array = np.zeros(grid.shape, np.uint8)
    array[5:8, 5:8, 5:8] = 1
    write_volume(array, grid, path)
    return path


def test_one_image_per_case_whose_file_is_the_reference(folder: Path, state: StateFolder) -> None:
    store = open_store(folder, state)
    assert store.list_images() == ["Phantom_000", "Phantom_001", "Phantom_002"]
    path = Path(store.get_image_uri("Phantom_001"))
    assert path == folder / "Phantom_001" / "Phantom_001_t1ce.nii.gz"
    info = store.get_image_info("Phantom_001")
    assert info["name"] == "Phantom_001.nii.gz"
    assert info["checksum"] == "SHA256:" + hashlib.sha256(path.read_bytes()).hexdigest()
    assert store.get_image_info("Phantom_001") == info
    with pytest.raises(UnknownError):
        store.get_image_uri("..")


def test_a_replaced_image_has_another_checksum(folder: Path, state: StateFolder) -> None:
    store = open_store(folder, state)
    before = store.get_image_info("Phantom_001")["checksum"]
    shutil.copy(folder / "Phantom_000" / "Phantom_000_t1ce.nii.gz", folder / "Phantom_001" / "Phantom_001_t1ce.nii.gz")
    assert store.get_image_info("Phantom_001")["checksum"] != before


def test_labels_beside_cases_are_final_by_import_in_our_values(folder: Path, state: StateFolder) -> None:
    before = snapshot(folder)
    store = open_store(folder, state)
    assert store.status() == {"total": 3, "completed": 3, "label_tags": {"final": 3}}
    assert store.get_unlabeled_images() == []
    info = store.get_label_info("Phantom_000", "final")
    assert (info["version"], info["author"]) == (1, "import")
    path = Path(store.get_label_uri("Phantom_000", "final"))
    assert state.path in path.parents
    stored, expected = sitk.ReadImage(str(path)), store.case("Phantom_000").case.read_label()
    np.testing.assert_array_equal(sitk.GetArrayFromImage(stored), expected)
    assert set(np.unique(expected)) == {0, 1, 2, 3}
    assert store.get_label_uri("Phantom_000", "final") == str(path)
    assert [set(entry) for entry in store.datalist()] == [{"image", "label"}] * 3
    assert snapshot(folder) == before, "the study folder is only read"


def test_labels_beside_cases_can_be_ignored(folder: Path, state: StateFolder) -> None:
    store = open_store(folder, state, import_labels=False)
    assert store.status()["completed"] == 0
    assert len(store.get_unlabeled_images()) == 3
    with pytest.raises(UnknownError, match="no label"):
        store.get_label_uri("Phantom_000", "final")


def test_a_submission_is_a_version_and_survives_a_restart(folder: Path, state: StateFolder, tmp_path: Path) -> None:
    store = open_store(unlabelled(folder), state)
    before = snapshot(folder)
    assert store.status()["completed"] == 0
    path = a_label(store, "Phantom_000", tmp_path / "label.nrrd")
    save(store, "Phantom_000", path)
    save(store, "Phantom_000", path, client_id="bob", segmentationMeta={"status": "approved"})
    store = open_store(folder, state)
    assert store.get_labeled_images() == ["Phantom_000"]
    assert [(row.version, row.author) for row in store.labels.versions("Phantom_000")] == [(1, "ann"), (2, "bob")]
    info = store.get_label_info("Phantom_000", "final")
    assert info["version"] == 2
    assert info["segmentationMeta"] == {"status": "approved"}
    stored = sitk.GetArrayFromImage(sitk.ReadImage(store.get_label_uri("Phantom_000", "final")))
    assert np.bincount(stored.ravel(), minlength=4).tolist()[1:] == [0, 27, 0]
    assert snapshot(folder) == before


def test_a_correction_comes_after_the_import(folder: Path, state: StateFolder, tmp_path: Path) -> None:
    store = open_store(folder, state)
    save(store, "Phantom_000", a_label(store, "Phantom_000", tmp_path / "label.nrrd"))
    assert [(row.version, row.author) for row in store.labels.versions("Phantom_000")] == [(1, "import"), (2, "ann")]
    assert open_store(folder, state, import_labels=False).get_labeled_images() == ["Phantom_000"]


def test_what_does_not_fit_is_not_stored(folder: Path, state: StateFolder, tmp_path: Path) -> None:
    store = open_store(unlabelled(folder), state)
    path = a_label(store, "Phantom_000", tmp_path / "label.nrrd")
    with pytest.raises(InputError, match=r"'Phantom_009'.*Nothing was stored"):
        save(store, "Phantom_009", path)
    with pytest.raises(InputError, match="'aneurysm'"):
        save(store, "Phantom_000", path, label_info=[{"name": "aneurysm"}])
    for tag in ("uncertainty", "../x", ""):
        with pytest.raises(InputError, match="tag"):
            store.save_label("Phantom_000", str(path), tag, {})
    assert store.status() == {"total": 3, "completed": 0, "label_tags": {}}
    assert [p for p in state.labels.rglob("*") if p.is_file()] == []


def test_other_tags_do_not_complete_a_case(folder: Path, state: StateFolder, tmp_path: Path) -> None:
    store = open_store(unlabelled(folder), state)
    path = a_label(store, "Phantom_000", tmp_path / "label.nrrd")
    for tag in ("original", "version_1"):
        store.save_label("Phantom_000", str(path), tag, {"model": "unet3d", "params": {"label_names": {"necrosis": 1}, "bulk": "x" * 1000}})
    assert store.status() == {"total": 3, "completed": 0, "label_tags": {"original": 1, "version_1": 1}}
    assert store.get_labels_by_image_id("Phantom_000") == {"original": "Phantom_000", "version_1": "Phantom_000"}
    entry = store.json()["objects"]["Phantom_000"]
    assert entry["labels"]["original"]["info"]["params"] == {"label_names": {"necrosis": 1}}
    assert entry["image"] == {"ext": ".nii.gz", "info": {"name": "Phantom_000.nii.gz"}}
    store.remove_label("Phantom_000", "version_1")
    assert set(store.get_labels_by_image_id("Phantom_000")) == {"original"}
    with pytest.raises(UnknownError):
        store.remove_label("Phantom_000", "version_1")


def test_the_last_map_is_found_under_its_tag(folder: Path, state: StateFolder) -> None:
    store = open_store(unlabelled(folder), state)
    with pytest.raises(UnknownError, match="no uncertainty map"):
        store.get_label_uri("Phantom_000", "uncertainty")
    key = MapKey("Phantom_000", "unet3d", "starter-1", 20, 0, "source")
    store.maps.add(key, files={"std": lambda path: path.write_text("map")}, scores={"WT": {"pairwise_dice": 0.9}}, current=True)
    assert Path(store.get_label_uri("Phantom_000", "uncertainty")).read_text() == "map"
    info = store.get_label_info("Phantom_000", "uncertainty")
    assert {"model": "unet3d", "model_version": "starter-1", "measure": "std", "passes": 20, "seed": 0}.items() <= info.items()
    assert store.status()["label_tags"] == {"uncertainty": 1}
    json.dumps(store.json())


def test_info_of_images_and_labels_is_merged(folder: Path, state: StateFolder) -> None:
    store = open_store(folder, state)
    store.update_image_info("Phantom_000", {"strategy": {"random": {"ts": 1}}})
    store.update_image_info("Phantom_000", {"strategy": {"sequential": {"ts": 2}}, "path": "/evil"})
    info = store.get_image_info("Phantom_000")
    assert info["strategy"] == {"random": {"ts": 1}, "sequential": {"ts": 2}}
    assert info["path"] == store.get_image_uri("Phantom_000")
    store.update_label_info("Phantom_000", "final", {"segmentationMeta": {"level": "easy"}})
    assert store.get_label_info("Phantom_000", "final")["segmentationMeta"] == {"level": "easy"}
    for unknown in ("x", ".."):
        with pytest.raises(UnknownError):
            store.update_image_info(unknown, {})


def test_a_case_that_comes_later_is_found(folder: Path, state: StateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(folder, state)
    shutil.copytree(folder / "Phantom_000", folder / "New")
    for path in (folder / "New").iterdir():
        path.rename(path.with_name(path.name.replace("Phantom_000", "New")))
    monkeypatch.setattr("gliolabel.labelserver.looking._REFRESH_UNKNOWN_S", 0.0)
    assert "New" in store.get_image_uri("New")
    assert "New" in store.get_labeled_images()


def test_a_component_of_a_4d_file_is_served_as_a_3d_file(tmp_path: Path, state: StateFolder) -> None:
    case_id = write_phantom_folder(tmp_path / "msd", cases=1, shape=SMALL, layout="msd")[0]
    before = snapshot(tmp_path / "msd")
    store = open_store(tmp_path / "msd", state)
    path = Path(store.get_image_uri(case_id))
    assert state.path in path.parents
    assert sitk.ReadImage(str(path)).GetDimension() == 3
    assert store.get_image_info(case_id)["name"] == f"{case_id}.nii.gz"
    assert snapshot(tmp_path / "msd") == before


# --- uploads


def test_an_upload_is_a_case_of_one_sequence(folder: Path, state: StateFolder) -> None:
    store = open_store(folder, state)
    volume = folder / "Phantom_000" / "Phantom_000_flair.nii.gz"
    assert store.add_image("5: FLAIR ax", str(volume), {"client_id": "ann"}) == "5: FLAIR ax"
    store = open_store(folder, state)
    assert store.list_images()[-1] == "5: FLAIR ax"
    assert set(store.case("5: FLAIR ax").case.sequences) == {"flair"}
    assert store.get_image_info("5: FLAIR ax")["name"].endswith(".nii.gz")
    assert ":" not in store.get_image_info("5: FLAIR ax")["name"]
    save(store, "5: FLAIR ax", a_label(store, "5: FLAIR ax", state.temporary / "l.nrrd"))
    assert "5: FLAIR ax" in store.get_labeled_images()


def test_a_name_that_does_not_tell_the_sequence_needs_the_option(folder: Path, state: StateFolder) -> None:
    store = open_store(folder, state)
    store.add_image("series 7", str(folder / "Phantom_000" / "Phantom_000_t2.nii.gz"), {})
    with pytest.raises(InputError, match="sequence"):
        store.case("series 7")
    assert set(store.case("series 7", sequence="t2").case.sequences) == {"t2"}


def test_the_same_volume_again_changes_nothing_another_one_is_refused(folder: Path, state: StateFolder, tmp_path: Path) -> None:
    store = open_store(unlabelled(folder), state)
    volume = folder / "Phantom_000" / "Phantom_000_t1.nii.gz"
    other = folder / "Phantom_001" / "Phantom_001_t1.nii.gz"
    store.add_image("t1", str(volume), {})
    save(store, "t1", a_label(store, "t1", tmp_path / "l.nrrd"))
    image = sitk.ReadImage(str(volume))
    sitk.WriteImage(image, str(tmp_path / "same.nrrd"))
    store.add_image("t1", str(tmp_path / "same.nrrd"), {})
    with pytest.raises(ConflictError, match="Rename"):
        store.add_image("t1", str(other), {})
    image.SetOrigin((1, 2, 3))
    sitk.WriteImage(image, str(tmp_path / "moved.nrrd"))
    with pytest.raises(ConflictError, match="Rename"):
        store.add_image("t1", str(tmp_path / "moved.nrrd"), {})
    assert store.get_labeled_images() == ["t1"], "its label is still there"
    assert len(list(state.uploads.iterdir())) == 1


def test_an_upload_named_like_a_case_must_be_its_reference(folder: Path, state: StateFolder) -> None:
    store = open_store(folder, state)
    store.add_image("Phantom_000", store.get_image_uri("Phantom_000"), {})
    with pytest.raises(ConflictError):
        store.add_image("Phantom_000", store.get_image_uri("Phantom_001"), {})
    assert list(state.uploads.iterdir()) == []


@pytest.mark.parametrize("name", ["../evil", "/etc/x", "..", ".x"])
def test_an_upload_cannot_be_named_like_a_path(folder: Path, state: StateFolder, name: str) -> None:
    store = open_store(folder, state)
    with pytest.raises(InputError, match="image name"):
        store.add_image(name, store.get_image_uri("Phantom_000"), {})


def test_garbage_is_no_image(folder: Path, state: StateFolder, tmp_path: Path) -> None:
    store = open_store(folder, state)
    (tmp_path / "x.nii.gz").write_bytes(b"garbage")
    with pytest.raises(InputError):
        store.add_image("x", str(tmp_path / "x.nii.gz"), {})
    assert "x" not in store.list_images()


def test_only_uploads_can_be_removed_and_with_them_their_labels(folder: Path, state: StateFolder, tmp_path: Path) -> None:
    store = open_store(folder, state)
    store.add_image("t1", str(folder / "Phantom_000" / "Phantom_000_t1.nii.gz"), {})
    save(store, "t1", a_label(store, "t1", tmp_path / "l.nrrd"))
    store.remove_image("t1")
    assert "t1" not in store.list_images()
    store.add_image("t1", str(folder / "Phantom_001" / "Phantom_001_t1.nii.gz"), {})
    assert store.get_labels_by_image_id("t1") == {}, "another patient's volume does not inherit them"
    with pytest.raises(ConflictError, match="study folder"):
        store.remove_image("Phantom_000")


def test_the_archive_holds_what_is_completed(folder: Path, state: StateFolder) -> None:
    store = open_store(folder, state)
    with zipfile.ZipFile(store.get_dataset_archive(2)) as archive:
        names = archive.namelist()
    assert len([name for name in names if name.startswith("label/")]) == 2
    assert len([name for name in names if name.startswith("image/")]) == 8
