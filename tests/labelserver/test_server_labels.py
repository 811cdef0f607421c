"""Submitting labels, uploads and sessions through the unmodified client."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from monailabel.client import MONAILabelClient
from tests.labelserver.conftest import Server
from tests.labelserver.test_server import array_of, reference, status_of

#: As the plugin sends it: the order of the export, and an idx that counts what was left out.
INFO = [{"name": "enhancing tumor", "idx": 1}, {"name": "necrosis", "idx": 2}, {"name": "edema", "idx": 3}]


@pytest.fixture
def client(shared_server: Server) -> MONAILabelClient:
    return shared_server.client()


def label_file(server: Server, case_id: str, path: Path) -> Path:
    image = sitk.ReadImage(str(reference(server, case_id)))
    array = np.zeros(image.GetSize()[::-1], np.int16)
    array[4, 4, 4:6] = 1
    array[5, 5, 5:9] = 2
    array[6, 6, 6:14] = 3
    label = sitk.GetImageFromArray(array)
    label.CopyInformation(image)
    sitk.WriteImage(label, str(path))
    return path


def files_below(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def test_a_submission_is_stored_by_name_and_comes_back(shared_server: Server, client: MONAILabelClient, tmp_path: Path) -> None:
    studies = files_below(shared_server.studies)
    before = client.info()["datastore"]
    path = label_file(shared_server, "Case_002", tmp_path / "label.nii.gz")
    params = {"label_info": [*INFO, {"name": "Segment_1", "idx": 9}], "model": "unet3d"}
    first = client.save_label("Case_002", str(path), params=dict(params))
    assert (first["tag"], first["version"]) == ("final", 1)
    assert "Segment_1" in first["ignored"][0]
    second = client.save_label("Case_002", str(path), tag="final", params={"label_info": INFO})
    assert second["version"] == 2
    stored = client.download_label("Case_002", "final")
    image = sitk.ReadImage(stored)
    assert image.GetPixelID() == sitk.sitkUInt8
    assert np.bincount(sitk.GetArrayFromImage(image).ravel()).tolist()[1:] == [4, 8, 2]
    after = client.info()["datastore"]
    assert after["completed"] == before["completed"] + 1
    info = shared_server.get("/datastore/label/info", params={"label": "Case_002", "tag": "final"}).json()
    assert info["author"] == "ann"
    assert files_below(shared_server.studies) == studies
    for strategy in set(client.info()["strategies"]) - {"review"}:
        assert all(client.next_sample(strategy, {})["id"] != "Case_002" for _ in range(4))


def test_what_does_not_fit_is_refused_and_nothing_is_left(shared_server: Server, client: MONAILabelClient, tmp_path: Path) -> None:
    path = str(label_file(shared_server, "Case_001", tmp_path / "label.nrrd"))
    image = sitk.ReadImage(path)
    floats, moved, garbage = (str(tmp_path / name) for name in ("floats.nrrd", "moved.nrrd", "garbage.nrrd"))
    sitk.WriteImage(sitk.Cast(image, sitk.sitkFloat32), floats)
    image.SetOrigin((0, 0, 0))
    sitk.WriteImage(image, moved)
    Path(garbage).write_bytes(b"garbage")
    other = [{"name": "aneurysm"}, *INFO[1:]]
    before = files_below(shared_server.state)
    assert status_of(lambda: client.save_label("nobody", path, params={"label_info": INFO})) == 422
    assert status_of(lambda: client.save_label("../Case_001", path, params={"label_info": INFO})) == 422
    assert status_of(lambda: client.save_label("Case_001", floats, params={"label_info": INFO})) == 422
    assert status_of(lambda: client.save_label("Case_001", moved, params={"label_info": INFO})) == 422
    assert status_of(lambda: client.save_label("Case_001", garbage, params={"label_info": INFO})) == 422
    assert status_of(lambda: client.save_label("Case_001", path, params={"label_info": other})) == 422
    for tag in ("../../x", "/etc", "uncertainty"):
        assert status_of(lambda tag=tag: client.save_label("Case_001", path, tag=tag, params={"label_info": INFO})) == 422
    assert {path for path in files_below(shared_server.state) - before if "sqlite" not in path.name} == set()


def test_labels_are_not_read_from_elsewhere(shared_server: Server) -> None:
    for label, tag, status in [("..", "final", 404), ("nobody", "final", 404), ("Case_001", "..", 422), ("Case_001", "version_9", 404)]:
        answer = shared_server.get("/datastore/label", params={"label": label, "tag": tag})
        assert answer.status_code == status, (label, tag)
        assert answer.json()["detail"]
    for image in ("..", "/etc/passwd", "nobody", "../studies/Case_001"):
        answer = shared_server.get("/datastore/image", params={"image": image})
        assert answer.status_code == 404
        assert answer.json()["detail"]
    assert shared_server.get("/datastore/image/info", params={"image": "nobody"}).status_code == 404


def test_the_datastore_is_listed_as_the_plugin_and_the_reviewer_read_it(shared_server: Server, client: MONAILabelClient) -> None:
    listed = shared_server.get("/datastore/?output=all").json()
    assert listed["objects"]["Case_000"]["image"]["ext"] == ".nii.gz"
    assert listed["objects"]["Case_000"]["labels"]["final"]["info"]["author"] == "import"
    label = client.download_label("Case_000", "final")
    assert set(np.unique(array_of(label))) <= {0, 1, 2, 3}
    put = shared_server.put("/datastore/label/info?label=Case_000&tag=final", data={"info": '{"segmentationMeta": {"status": "approved"}}'})
    assert put.ok
    listed = shared_server.get("/datastore/?output=all").json()
    assert listed["objects"]["Case_000"]["labels"]["final"]["info"]["segmentationMeta"] == {"status": "approved"}


# --- volumes that are not in the study folder


def test_an_uploaded_volume_is_segmented_by_its_name(shared_server: Server, client: MONAILabelClient, tmp_path: Path) -> None:
    volume = tmp_path / "xyz.nrrd"
    sitk.WriteImage(sitk.ReadImage(str(reference(shared_server, "Case_001"))), str(volume))
    client.upload_image(str(volume), "7: t1_mprage gd")
    client.upload_image(str(volume), "7: t1_mprage gd")
    file, params = client.infer("unet3d", "7: t1_mprage gd", {"passes": 0})
    assert params["warnings"]
    assert array_of(file).shape == array_of(volume).shape
    other = str(reference(shared_server, "Case_002"))
    assert status_of(lambda: client.upload_image(other, "7: t1_mprage gd")) == 409
    assert status_of(lambda: client.upload_image(other, "Case_001")) == 409
    for name in ("../evil", "/etc/evil", ".."):
        assert status_of(lambda name=name: client.upload_image(other, name)) == 422
    garbage = tmp_path / "garbage.nii.gz"
    garbage.write_bytes(b"garbage")
    assert status_of(lambda: client.upload_image(str(garbage), "garbage t1")) == 422


def test_a_session_is_a_volume_of_its_own(shared_server: Server, client: MONAILabelClient) -> None:
    volume = shared_server.studies / "Case_003" / "Case_003_flair.nii.gz"
    session = client.create_session(str(volume))["session_id"]
    assert client.get_session(session)["image"].endswith(".nii.gz")
    assert "path" not in client.get_session(session)
    # Slicer names the node; a stored case of that name must not be taken for it
    file, params = client.infer("unet3d", "Case_001", {"passes": 2, "sequence": "flair"}, session_id=session)
    assert params["uncertainty_map"] == "ready"
    assert any("t1ce" in warning for warning in params["warnings"])
    file, _ = client.infer("where_to_look", "some flair", {}, session_id=session)
    assert file.endswith(".json")
    assert status_of(lambda: client.infer("unet3d", "some volume", {"passes": 0}, session_id=session)) == 422, "which sequence?"
    client.infer("unet3d", "some flair", {"passes": 0}, session_id=session)
    assert list(shared_server.state.glob("maps/*session*"))
    client.remove_session(session)
    assert not [path for path in shared_server.state.glob("maps/*session*/*") if path.is_file()]
    for unknown in (session, "nobody", "..", "../sessions", "/etc"):
        assert status_of(lambda unknown=unknown: client.infer("unet3d", "Case_001", {"passes": 0}, session_id=unknown)) == 404
    for gone in (session, "nobody"):
        assert shared_server.get(f"/session/{gone}").status_code == 404


def test_a_volume_in_the_request_leaves_nothing(shared_server: Server, client: MONAILabelClient) -> None:
    volume = shared_server.studies / "Case_003" / "Case_003_t2.nii.gz"
    file, params = client.infer("unet3d", "the t2", {"passes": 0}, file=str(volume))
    assert params["warnings"]
    assert array_of(file).shape == array_of(volume).shape
    assert list((shared_server.state / "sessions").iterdir()) == []


def test_no_request_leaves_a_file(shared_server: Server, client: MONAILabelClient) -> None:
    client.infer("unet3d", "Case_001", {"passes": 0})
    assert list((shared_server.state / "cache" / "requests").iterdir()) == []


# --- a folder at once


def test_a_folder_is_annotated_once(shared_server: Server) -> None:
    def run_until_done() -> dict:
        started = shared_server.post(
            "/batch/infer/unet3d?images=unlabeled", json={"passes": 2, "save_label": True, "label_tag": "original"}
        )
        assert started.ok, started.text
        while shared_server.get("/batch/infer?check_if_running=true").ok:
            time.sleep(0.1)
        return shared_server.get("/batch/infer").json()

    first = run_until_done()
    assert first["status"] == "DONE"
    assert first["progress"]["failed"] == {}
    assert first["progress"]["done"] == first["progress"]["total"] > 0
    again = run_until_done()
    assert (again["progress"]["total"], again["progress"]["skipped"]) == (0, first["progress"]["done"])
    entry = shared_server.get("/datastore/?output=all").json()["objects"]["Case_001"]["labels"]
    assert list(entry["original"]["info"]["params"]["label_names"]) == ["necrosis", "edema", "enhancing tumor"]
    assert set(np.unique(array_of(shared_server.client().download_label("Case_001", "original")))) <= {0, 1, 2, 3}
    assert {"uncertainty", "original"} <= set(entry)
    reason = shared_server.client().next_sample("most_uncertain", {})["reason"]
    assert "disagreement" in reason or "scored" in reason
    assert shared_server.post("/batch/infer/nobody", json={}).status_code == 404
    assert shared_server.post("/batch/infer/unet3d", json={"image": "/etc"}).status_code == 422
    assert shared_server.delete("/batch/infer").json() is None
