"""Accepted labels and the roles of their cases."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from tests.dicom.made_up import write_study

from gliolabel.dicom import case_id_of
from gliolabel.errors import InputError, UnavailableError
from gliolabel.labelserver.accepted import accepted
from gliolabel.labelserver.datastore import CaseDatastore
from gliolabel.phantoms.phantom import make_phantom
from gliolabel.phantoms.writing import write_phantom_case
from gliolabel.recipes import build_network, load_recipe, save_model_version
from gliolabel.registry import Registry
from gliolabel.state import Database, StateFolder
from gliolabel.state.audit import AuditLog
from gliolabel.state.roles import Role, refuse_locked, stratum_of
from gliolabel.studies import open_studies
from gliolabel.studies.writing import write_volume

EDEMA = [{"name": "edema"}]


@pytest.fixture
def store(tmp_path: Path) -> CaseDatastore:
    """Two scans of each of three patients; the first two patients' cases have labels beside them."""
    for number in range(6):
        name = f"BraTS-GLI-{number // 2:05d}-{number % 2:03d}"
        phantom = make_phantom(shape=(24, 40, 40), seed=(3, number))
        write_phantom_case(phantom, tmp_path / "studies" / name, name=name, labels=number < 4)
    return CaseDatastore(open_studies(tmp_path / "studies"), Database(StateFolder(tmp_path / "state").create()))


@pytest.fixture
def a_label(store: CaseDatastore, tmp_path: Path) -> Callable[..., Path]:
    def make(case_id: str, *, voxels: int = 27) -> Path:
        grid = store.case(case_id).case.grid()
        array = np.zeros(grid.shape, np.uint8)
        array.ravel()[:voxels] = 1
        path = tmp_path / f"{case_id}_{voxels}.nrrd"
        write_volume(array, grid, path)
        return path

    return make


def weights(folder: Path, *, trained_on: dict[str, Any], version: str = "site-1") -> Path:
    folder.mkdir(exist_ok=True)
    recipe = load_recipe("unet3d")
    small = {"channels": (4, 8), "dropout": (0.3, 0.3)}
    recipe = recipe.model_copy(update={"network": recipe.network.model_copy(update=small)})
    path = folder / f"unet3d-{version}.safetensors"
    state = build_network(recipe.network).state_dict()
    save_model_version(path, state, name="unet3d", version=version, recipe=recipe, metadata={"trained_on": trained_on})
    return path


def test_the_accepted_label_is_the_newest_final_one(store: CaseDatastore, a_label: Callable[..., Path]) -> None:
    case = "BraTS-GLI-00000-000"
    for voxels in (27, 64):
        store.submit(case, a_label(case, voxels=voxels), tag="final", info={"label_info": EDEMA, "client_id": "ann"})
    store.submit(case, a_label(case, voxels=5), tag="version_1", info={"label_info": EDEMA, "client_id": "bob"})
    found = {label.case_id: label for label in accepted(store, store.roles)}
    assert list(found) == [f"BraTS-GLI-0000{number // 2}-00{number % 2}" for number in range(4)]
    mine = found[case]
    assert (mine.label_version, mine.author, mine.imported) == (3, "ann", False)
    assert int((sitk.GetArrayFromImage(sitk.ReadImage(str(mine.path))) == 2).sum()) == 64
    assert mine.sha256 == hashlib.sha256(mine.path.read_bytes()).hexdigest()
    other = found["BraTS-GLI-00001-000"]
    assert (other.label_version, other.author, other.imported) == (1, "import", True)
    np.testing.assert_array_equal(
        sitk.GetArrayFromImage(sitk.ReadImage(str(other.path))), store.case("BraTS-GLI-00001-000").case.read_label()
    )
    assert other.sha256 == hashlib.sha256(other.path.read_bytes()).hexdigest()
    # Two scans of a patient are for the same, and asking again changes nothing.
    assert found["BraTS-GLI-00000-001"].role == mine.role
    assert found["BraTS-GLI-00000-001"].patient == mine.patient == "BraTS-GLI-00000"
    assert accepted(store, store.roles) == list(found.values())


def test_two_studies_of_one_patient_in_an_archive_have_one_role(tmp_path: Path) -> None:
    phantom = make_phantom(shape=(18, 30, 24), seed=3)
    volumes = {sequence: (array, phantom.grid) for sequence, array in phantom.sequences.items()}
    patients = {f"MRN-{number // 2}": {sequence: {"PatientID": f"MRN-{number // 2}"} for sequence in volumes} for number in range(20)}
    found: dict[str, list[str]] = {}
    for name, changes in patients.items():
        for number in range(2):
            study = write_study(tmp_path / "dicom" / f"{name}-{number}", volumes, changes=changes)
            found.setdefault(name, []).append(case_id_of(study))
    database = Database(StateFolder(tmp_path / "state").create())
    store = CaseDatastore(open_studies(tmp_path / "dicom"), database)
    label = tmp_path / "label.nrrd"
    write_volume(phantom.labels, store.case(found["MRN-0"][0]).case.grid(), label)
    for case_ids in zip(*found.values(), strict=True):  # the first study of every patient, then the second
        for case_id in case_ids:
            store.submit(case_id, label, tag="final", info={})
    rows = store.roles.all()
    for first, second in found.values():
        assert (rows[first].role, rows[first].patient) == (rows[second].role, rows[second].patient)
        assert rows[second].reason == f"the same patient as case {first}"
    assert len({row.patient for row in rows.values()}) == len(patients)
    assert {row.role for row in rows.values()} == {"train", "validation", "locked"}
    kept = (database.folder.database.read_bytes(), *(path.read_bytes() for path in database.folder.path.glob("*-wal")))
    assert not any(b"MRN" in content for content in kept)
    told = {store.studies.get(case_id).patient for case_ids in found.values() for case_id in case_ids}
    assert not any(patient[:12].encode() in content for patient in told for content in kept)


def test_a_role_is_given_when_a_label_is_submitted_by_its_size(store: CaseDatastore, a_label: Callable[..., Path]) -> None:
    case = "BraTS-GLI-00002-000"
    assert store.survey.roles() == {"train": 0, "validation": 0, "locked": 0, "none yet": 4}
    store.submit(case, a_label(case), tag="version_1", info={"label_info": EDEMA})
    store.submit(case, a_label(case), tag="original", info={"label_info": EDEMA})
    assert store.roles.of(case) is None
    store.submit(case, a_label(case), tag="final", info={"label_info": EDEMA})
    row = store.roles.of(case)
    assert (row.patient, row.stratum) == ("BraTS-GLI-00002", stratum_of(27 * store.case(case).case.grid().voxel_ml))
    assert store.json()["objects"][case]["image"]["info"]["role"] == row.role
    assert sum(store.survey.roles().values()) == 5
    accepted(store, store.roles)
    assert store.survey.roles()["none yet"] == 0


def test_a_case_of_a_training_list_is_for_training_whatever_it_is_called(store: CaseDatastore, tmp_path: Path) -> None:
    image = store.case("BraTS-GLI-00001-001").case.sequences["flair"].path
    digest = hashlib.sha256(image.read_bytes()).hexdigest()
    weights(tmp_path / "weights", trained_on={"another name": {"flair": digest}})
    store.training_lists.registry = Registry(tmp_path / "weights")
    found = {label.case_id: label.role for label in accepted(store, store.roles)}
    assert found["BraTS-GLI-00001-001"] == found["BraTS-GLI-00001-000"] == Role.TRAIN
    assert "training list" in store.roles.of("BraTS-GLI-00001-001").reason
    # The other scan of the patient was never dealt another role.
    assert [entry.case_id for entry in AuditLog(store.database).entries(event="role") if entry.details.get("before")] == []


def test_new_weights_that_saw_a_locked_case_unlock_it(store: CaseDatastore, tmp_path: Path) -> None:
    first = {label.case_id: label.role for label in accepted(store, store.roles)}
    for row in store.roles.all().values():  # whatever the hash said
        if row.role == Role.LOCKED:
            with pytest.raises(InputError, match=row.case_id):
                refuse_locked([row.case_id], store.roles)
    weights(tmp_path / "weights", trained_on={case_id: {"t1": "0" * 64} for case_id in first})
    store.training_lists.registry = Registry(tmp_path / "weights")
    assert {label.role for label in accepted(store, store.roles)} == {Role.TRAIN}
    refuse_locked(first, store.roles)


def test_only_images_of_labelled_cases_are_hashed_and_each_once(store: CaseDatastore, monkeypatch: pytest.MonkeyPatch) -> None:
    import gliolabel.state.checksums as module

    hashed: list[str] = []
    real = module.file_sha256
    monkeypatch.setattr(module, "file_sha256", lambda path: hashed.append(path.name) or real(path))
    accepted(store, store.roles)
    assert len(hashed) == len(set(hashed)) == 4 * 4
    assert not any(name.startswith("BraTS-GLI-00002") for name in hashed)
    accepted(store, store.roles)
    assert len(hashed) == 4 * 4
    # A file that changed is read again.
    path = store.case("BraTS-GLI-00000-000").case.sequences["t1"].path
    shutil.copy(store.case("BraTS-GLI-00000-001").case.sequences["t1"].path, path)
    before = store.roles.of("BraTS-GLI-00000-000").role
    accepted(store, store.roles)
    assert hashed[16:] == ([] if before == Role.TRAIN else [path.name])


def test_a_case_that_cannot_be_read_is_left_out(store: CaseDatastore, caplog: pytest.LogCaptureFixture) -> None:
    case = store.case("BraTS-GLI-00000-000").case
    case.label.path.unlink()
    found = accepted(store, store.roles)
    assert [label.case_id for label in found] == ["BraTS-GLI-00000-001", "BraTS-GLI-00001-000", "BraTS-GLI-00001-001"]
    assert "BraTS-GLI-00000-000 is left out" in caplog.text


def test_weights_that_cannot_be_read_keep_the_submission_and_give_no_role(
    store: CaseDatastore, a_label: Callable[..., Path], tmp_path: Path
) -> None:
    weights(tmp_path / "weights", trained_on={}).write_bytes(b"garbage")
    store.training_lists.registry = Registry(tmp_path / "weights")
    case = "BraTS-GLI-00002-000"
    stored = store.submit(case, a_label(case), tag="final", info={"label_info": EDEMA, "client_id": "ann"})
    assert stored.row.version == 1
    assert store.roles.of(case) is None
    with pytest.raises((InputError, UnavailableError)):
        accepted(store, store.roles)
    weights(tmp_path / "weights", trained_on={})
    assert case in {label.case_id for label in accepted(store, store.roles)}


# --- what a submission is stored with


def give_mask(store: CaseDatastore, case_id: str, folder: Path, *, reader: str, version: str, voxels: int) -> None:
    grid = store.case(case_id).case.grid()
    array = np.zeros(grid.shape, np.uint8)
    array.ravel()[:voxels] = 2
    file = folder / f"given_{version}.nrrd"
    write_volume(array, grid, file)
    store.masks.keep(case_id, reader=reader, model="unet3d", version=version, mask=file, extension=".nrrd")
    file.unlink()  # as the server does once it is sent


def test_a_submission_is_compared_with_the_mask_its_reader_was_given(
    store: CaseDatastore, a_label: Callable[..., Path], tmp_path: Path
) -> None:
    case = "BraTS-GLI-00002-000"
    give_mask(store, case, tmp_path, reader="ann at a", version="site-1", voxels=10)
    give_mask(store, case, tmp_path, reader="ann at a", version="site-2", voxels=20)
    give_mask(store, case, tmp_path, reader="bob at b", version="site-3", voxels=27)
    info = {"label_info": EDEMA, "client_id": "ann", "model": "resunet2d", "correction": "made up", "volumes_ml": {}, "reviewed": True}
    stored = store.submit(case, a_label(case), tag="final", info=info, reader="ann at a")
    voxel_ml = store.case(case).case.grid().voxel_ml
    expected = {
        "model": "unet3d",
        "model_version": "site-2",
        "mask": "reader",
        "changed_voxels": {"WT": 7, "TC": 0, "ET": 0},
        "changed_ml": {"WT": round(7 * voxel_ml, 3), "TC": 0.0, "ET": 0.0},
        "dice": {"WT": round(40 / 47, 4), "TC": 1.0, "ET": 1.0},
        "relabelled_voxels": 7,
    }
    assert stored.reply()["correction"] == expected
    known = store.get_label_info(case, "final")
    assert (known["correction"], known["model_version"], known["author"]) == (expected, "unet3d site-2", "ann")
    assert known["volumes_ml"] == {"WT": round(27 * voxel_ml, 3), "TC": 0.0, "ET": 0.0}
    assert "reviewed" not in known
    entry = AuditLog(store.database).entries(event="submission")[0]
    assert (entry.actor, entry.case_id, entry.model, entry.version) == ("ann", case, "unet3d", "site-2")
    assert entry.details["correction"] == expected
    assert entry.details["label_version"] == 1
    # What the client makes up about it afterwards is not believed either.
    store.update_label_info(case, "final", {"correction": {}, "author": "eve", "comment": "fine"})
    known = store.get_label_info(case, "final")
    assert (known["correction"], known["author"], known["comment"]) == (expected, "ann", "fine")
    # Only one mask per reader is kept.
    assert len([path for path in (tmp_path / "state" / "masks").rglob("*") if path.is_file()]) == 2


def test_without_a_mask_of_the_reader_the_original_counts_and_else_nothing_is_made_up(
    store: CaseDatastore, a_label: Callable[..., Path], tmp_path: Path
) -> None:
    case = "BraTS-GLI-00002-000"
    stored = store.submit(case, a_label(case), tag="final", info={"label_info": EDEMA}, reader="ann at a")
    assert stored.reply()["correction"] is None
    store.submit(case, a_label(case, voxels=30), tag="original", info={"label_info": EDEMA, "model_version": "unet3d site-9"})
    stored = store.submit(case, a_label(case), tag="final", info={"label_info": EDEMA}, reader="ann at a")
    assert stored.correction["mask"] == "original"
    assert (stored.correction["model_version"], stored.correction["changed_voxels"]["WT"]) == ("site-9", 3)
    # MONAI Label's reviewer plugin sends back which version it was; its own reader was never given a mask.
    give_mask(store, case, tmp_path, reader="bob at b", version="site-1", voxels=26)
    named = {"label_info": EDEMA, "model_version": "unet3d site-1"}
    stored = store.submit(case, a_label(case), tag="version_1", info=named, reader=" at c")
    assert (stored.correction["mask"], stored.correction["changed_voxels"]["WT"]) == ("version", 1)
    # A model's own mask is no submission.
    assert [entry.details["tag"] for entry in AuditLog(store.database).entries(event="submission")] == ["final", "final", "version_1"]


def test_what_a_client_makes_up_as_model_version_is_cut_to_what_every_database_takes(
    store: CaseDatastore, a_label: Callable[..., Path]
) -> None:
    case = "BraTS-GLI-00002-000"
    stored = store.submit(case, a_label(case), tag="final", info={"label_info": EDEMA, "model_version": "m" * 500, "client_id": "a" * 500})
    assert (stored.row.model_version, stored.row.author) == ("m" * 128, "a" * 128)
    (entry,) = AuditLog(store.database).entries(event="submission")
    assert (entry.model, entry.version, entry.actor) == ("m" * 64, "", "a" * 128)


def test_a_mask_that_is_gone_does_not_cost_the_submission(store: CaseDatastore, a_label: Callable[..., Path], tmp_path: Path) -> None:
    case = "BraTS-GLI-00002-000"
    give_mask(store, case, tmp_path, reader="ann", version="site-1", voxels=10)
    shutil.rmtree(tmp_path / "state" / "masks")
    stored = store.submit(case, a_label(case), tag="final", info={"label_info": EDEMA}, reader="ann")
    assert stored.correction is None
    assert stored.row.model_version == "unet3d site-1"


def test_an_empty_label_is_stored_and_the_reader_is_told(store: CaseDatastore, a_label: Callable[..., Path]) -> None:
    case = "BraTS-GLI-00002-000"
    stored = store.submit(case, a_label(case, voxels=0), tag="final", info={"label_info": EDEMA})
    assert "without tumour" in stored.reply()["warnings"][0]
    assert store.submit(case, a_label(case), tag="final", info={"label_info": EDEMA}).reply()["warnings"] == []


# --- reviewers and readers


def test_labels_of_readers_are_kept_apart(store: CaseDatastore, a_label: Callable[..., Path]) -> None:
    case = "BraTS-GLI-00002-000"
    for author, voxels in (("ann", 8), ("bob", 27), ("ann", 64)):
        store.submit(case, a_label(case, voxels=voxels), tag="final", info={"label_info": EDEMA, "client_id": author})

    def voxels(**which: Any) -> int:
        return int((sitk.GetArrayFromImage(sitk.ReadImage(store.get_label_uri(case, "final", **which))) > 0).sum())

    assert [voxels(), voxels(author="bob"), voxels(author="ann"), voxels(version=1)] == [64, 27, 64, 8]
    assert [(row["tag"], row["version"], row["author"]) for row in store.label_versions(case)] == [
        ("final", 1, "ann"),
        ("final", 2, "bob"),
        ("final", 3, "ann"),
    ]


def test_a_label_that_a_reviewer_approved_is_accepted(store: CaseDatastore, a_label: Callable[..., Path]) -> None:
    case = "BraTS-GLI-00002-000"
    store.submit(case, a_label(case), tag="final", info={"label_info": EDEMA, "client_id": "ann"})
    waiting = {"status": "flagged", "approvedBy": "carol"}
    store.submit(
        case, a_label(case, voxels=64), tag="version_1", info={"label_info": EDEMA, "client_id": "ann", "segmentationMeta": waiting}
    )
    assert store.labels.newest(case, "version_1").author == "carol"
    assert store.labels.newest(case, "final").version == 1
    approved = {"segmentationMeta": {"status": "approved", "approvedBy": "carol", "comment": "border"}}
    for _ in range(2):  # the plugin sends it for every change of the comment
        store.update_label_info(case, "version_1", dict(approved))
    newest = store.labels.newest(case, "final")
    assert (newest.version, newest.author, newest.info["accepted_from"]) == (2, "carol", {"tag": "version_1", "version": 1})
    assert [label.sha256 for label in accepted(store, store.roles) if label.case_id == case] == [newest.sha256]
    assert store.labels.newest(case, "version_1").sha256 == newest.sha256
    entry = AuditLog(store.database).entries(event="submission")[-1]
    assert (entry.actor, entry.details["tag"], entry.details["accepted_from"]["tag"]) == ("carol", "final", "version_1")
    # Nothing was overwritten, and a later correction counts again.
    store.submit(case, a_label(case), tag="final", info={"label_info": EDEMA, "client_id": "ann"})
    assert store.labels.newest(case, "final").version == 3
    assert [row["version"] for row in store.label_versions(case, "final")] == [1, 2, 3]


def test_a_full_disk_loses_nothing_and_says_so(store: CaseDatastore, a_label: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    case = "BraTS-GLI-00002-000"

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gliolabel.labelserver.submitting.write_volume", full)
    with pytest.raises(UnavailableError, match="No space left"):
        store.submit(case, a_label(case), tag="final", info={"label_info": EDEMA})
    assert store.labels.versions(case) == []
    assert AuditLog(store.database).entries(event="submission") == []


def test_what_fails_after_a_label_was_stored_is_not_told_as_a_failure(
    store: CaseDatastore, a_label: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    case = "BraTS-GLI-00002-000"

    def full(_case_id: str) -> None:
        raise UnavailableError("database or disk is full")

    monkeypatch.setattr(store.leases, "end", full)
    assert store.submit(case, a_label(case), tag="final", info={"label_info": EDEMA}).row.version == 1
    assert "is stored, but: database or disk is full" in caplog.text
    assert [label.label_version for label in accepted(store, store.roles) if label.case_id == case] == [1]
