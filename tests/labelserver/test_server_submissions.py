"""Submissions to a real server, also while it is busy: each is stored with what is known of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from tests.labelserver.conftest import Server, serving, wait_until
from tests.labelserver.readers import INFO, Job, Reader, Stored, array_of_row, edema, unexplained_files, write_label
from tests.labelserver.test_server import array_of, status_of
from tests.training.retraining.phantom_site import CRITERIA, early_version, write_phantoms

from gliolabel.vocabulary import REGIONS


def test_a_submission_is_compared_with_the_mask_that_its_reader_was_given(shared_server: Server, tmp_path: Path) -> None:
    ann, bob = shared_server.client("ann"), shared_server.client("bob")
    case_id = "Case_003"
    file, params = ann.infer("unet3d", case_id, {"passes": 0, "client_id": "ann"})
    mask = array_of(file)
    image = sitk.ReadImage(file)
    corrected = mask.copy()
    corrected[0, 0, :5] = 2
    corrected[1, 1, :3] = 0
    label = sitk.GetImageFromArray(corrected.astype(np.int16))
    label.CopyInformation(image)
    path = str(tmp_path / "label.nrrd")
    sitk.WriteImage(label, path)
    names = [{"name": name, "idx": 9 - number} for number, name in enumerate(("necrosis", "edema", "enhancing tumor"))]
    reply = ann.save_label(case_id, path, params={"label_info": names, "model": "resunet2d", "client_id": "ann"})
    changed = reply["correction"]
    assert (changed["model"], changed["model_version"], changed["mask"]) == ("unet3d", params["model_version"], "reader")
    before, after = mask > 0, corrected > 0
    assert changed["changed_voxels"]["WT"] == int((before ^ after).sum())
    assert changed["relabelled_voxels"] == int((mask != corrected).sum()) > 0
    assert changed["dice"]["WT"] == pytest.approx(2 * (before & after).sum() / (before.sum() + after.sum()), abs=1e-4)
    spacing = image.GetSpacing()
    voxel_ml = spacing[0] * spacing[1] * spacing[2] / 1000
    assert changed["changed_ml"]["WT"] == pytest.approx(changed["changed_voxels"]["WT"] * voxel_ml, abs=1e-3)
    info = shared_server.get("/datastore/label/info", params={"label": case_id, "tag": "final"}).json()
    assert (info["author"], info["model_version"], info["correction"]) == ("ann", f"unet3d {params['model_version']}", changed)
    # Who was given no mask is not compared with another's.
    of_bob = bob.save_label(case_id, path, params={"label_info": names, "client_id": "bob"})["correction"]
    assert of_bob is None or of_bob["mask"] == "original"
    # The labels of both can be had.
    versions = shared_server.get("/datastore/label/versions", params={"label": case_id, "tag": "final"}).json()
    assert [(row["tag"], row["version"], row["author"]) for row in versions] == [("final", 1, "ann"), ("final", 2, "bob")]
    for which in ({"author": "ann"}, {"version": 1}):
        assert shared_server.get("/datastore/label", params={"label": case_id, "tag": "final", **which}).ok
    assert shared_server.get("/datastore/label", params={"label": case_id, "tag": "final", "version": 3}).status_code == 404
    assert shared_server.get("/datastore/label/versions", params={"label": "nobody"}).status_code == 404
    # Its role is shown.
    role = shared_server.get("/datastore/?output=all").json()["objects"][case_id]["image"]["info"]["role"]
    assert ann.info()["roles"][role] >= 1
    assert ann.info()["roles"]["none yet"] >= 1, "the label beside Case_000 is looked at by the first training"
    # The list that the plugin reads at every Next Sample stays small.
    assert "correction" not in shared_server.get("/datastore/?output=all").text


def test_a_scribble_below_the_tissues_is_left_out_and_said(shared_server: Server, tmp_path: Path) -> None:
    path = str(edema(shared_server, "Case_001", 4, tmp_path / "label.nrrd"))
    client = shared_server.client()
    scribbled = [{"name": "edema"}, {"name": "necrosis"}, {"name": "foreground_scribbles"}]
    assert status_of(lambda: client.save_label("Case_001", path, tag="version_7", params={"label_info": scribbled})) == 422
    reply = client.save_label("Case_001", path, tag="version_7", params={"label_info": [{"name": "x"}, *scribbled[2:], {"name": "edema"}]})
    assert reply["volumes_ml"]["WT"] > 0
    assert len(reply["ignored"]) == 2


def expected_correction(before: np.ndarray, after: np.ndarray, *, voxel_ml: float) -> dict[str, Any]:
    """What a correction comes to, worked out region by region."""
    pairs = {region: (np.isin(before, values), np.isin(after, values)) for region, values in REGIONS.items()}
    changed = {region: int((a ^ b).sum()) for region, (a, b) in pairs.items()}
    dice = {region: 2 * (a & b).sum() / (a.sum() + b.sum()) if a.any() or b.any() else 1.0 for region, (a, b) in pairs.items()}
    return {
        "model": "unet3d",
        "model_version": "early-1",
        "mask": "reader",
        "changed_voxels": changed,
        "changed_ml": {region: round(count * voxel_ml, 3) for region, count in changed.items()},
        "dice": {region: round(float(value), 4) for region, value in dice.items()},
        "relabelled_voxels": int((before != after).sum()),
    }


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_twenty_submissions_during_scoring_and_training_are_stored_with_all_that_is_known_of_them(tmp_path: Path) -> None:
    studies = write_phantoms(tmp_path / "studies", cases=12, seed=5)
    write_phantoms(studies, cases=8, seed=6, labels=False)
    (tmp_path / "criteria.yaml").write_text(CRITERIA)
    weights = early_version(tmp_path / "early")
    with serving(tmp_path, weights) as start:
        server = start(studies, conf={"gate": str(tmp_path / "criteria.yaml")})
        cases = ["P5_000", "P5_001", "P5_002", "P6_000", "P6_001"]
        masks = {}
        for name in ("ann", "bob"):
            for case_id in cases:
                file, params = server.client(name).infer("unet3d", case_id, {"passes": 0, "client_id": name})
                assert params["model_version"] == "early-1"
                masks[name, case_id] = array_of(file)
        sent: dict[int, tuple[str, str, np.ndarray]] = {}
        jobs: dict[str, list[Job]] = {"ann": [], "bob": []}
        for number in range(20):
            name, case_id = ("ann", "bob")[number % 2], cases[number // 2 % 5]
            array = masks[name, case_id].copy()
            array.ravel()[: 10 + number] = 1 + number % 3
            sent[number] = (name, case_id, array)
            jobs[name].append(Job(number, case_id, write_label(server, case_id, array, tmp_path / f"{number}.nii.gz")))
        started = server.post("/train/unet3d", json={"client_id": "trainer", "epochs": 1000})
        assert started.ok, started.text
        wait_until(lambda: server.get("/train/").json()["progress"].get("epoch", 0) > 0)
        assert server.post("/scoring/disagreement").ok
        roles = roles_of(server)
        assert {"P5_000", "P5_001", "P5_002"} <= set(roles)
        began = datetime.now(UTC)
        readers = [Reader(server, name, of_reader) for name, of_reader in jobs.items()]
        assert server.get("/scoring/?check_if_running=true").ok
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        ended = datetime.now(UTC)
        assert server.get("/train/").json()["status"] == "RUNNING"
        assert [reader.errors for reader in readers] == [{}, {}]
        replies = readers[0].replies | readers[1].replies
        stored = Stored.of(server)
        stored.check(server)
        rows = stored.by_number
        assert set(rows) == set(range(20))
        assert len(stored.events) == 20
        for number, (name, case_id, array) in sent.items():
            row, reply = rows[number], replies[number]
            np.testing.assert_array_equal(array_of_row(server, row), array)
            expected = expected_correction(masks[name, case_id], array, voxel_ml=0.001)
            assert (row.tag, row.case_id, row.author, row.model_version) == ("final", case_id, name, "unet3d early-1")
            assert began <= row.created <= ended
            assert row.info["correction"] == reply["correction"] == expected
            assert (
                row.info["volumes_ml"]
                == reply["volumes_ml"]
                == pytest.approx({region: np.isin(array, values).sum() / 1000 for region, values in REGIONS.items()})
            )
            assert (row.info["label_info"], row.info["client_id"], reply["version"]) == (INFO, name, row.version)
        events = {(event.case_id, event.details["label_version"]): event for event in stored.events}
        for row in rows.values():
            event = events[row.case_id, row.version]
            assert (event.actor, event.model, event.version) == (row.author, "unet3d", "early-1")
            assert event.details["correction"] == row.info["correction"]
        for case_id in cases:
            of_case = [row for row in rows.values() if row.case_id == case_id]
            assert len(of_case) == 4
            newest = max(of_case, key=lambda row: row.version)
            assert newest.version == (5 if case_id.startswith("P5") else 4), "the label beside the case is version 1"
            np.testing.assert_array_equal(array_of(server.client().download_label(case_id, "final")), array_of_row(server, newest))
            told = server.get("/datastore/label/versions", params={"label": case_id, "tag": "final"}).json()
            assert [version["version"] for version in told] == list(range(1, newest.version + 1))
        # Who had a role has the same; who had none was given one, and keeps it.
        after = roles_of(server)
        assert {case_id: after[case_id] for case_id in roles} == roles
        assert set(after) == {*roles, *cases}
        assert server.client("trainer").train_stop()["status"] == "STOPPED"
        server.stop()
        server = start(studies)
        again = Stored.of(server)
        assert [(row.id, row.sha256, row.info) for row in again.rows] == [(row.id, row.sha256, row.info) for row in stored.rows]
        assert roles_of(server) == after
        assert unexplained_files(server) == set()


def roles_of(server: Server) -> dict[str, str]:
    """The roles that the plugin is told, by case."""
    objects = server.get("/datastore/?output=all").json()["objects"]
    return {case_id: role for case_id, entry in objects.items() if (role := entry["image"]["info"].get("role"))}
