"""The sample app as its users meet it: no weights, train, segment, look where it is unsure, correct, train again."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from lgg_app import EPOCHS, Server, ended, train
from made_up_slices import make_patient

from gliolabel.metrics import dice
from gliolabel.recipes import ModelVersion
from gliolabel.studies import Grid

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

#: What the plugin sends with every run.
PLUGIN = {"result_extension": ".nrrd", "result_dtype": "uint8"}


def segment(server: Server, case_id: str, **options: Any) -> tuple[sitk.Image, dict[str, Any]]:
    file, params = server.client().infer("lgg_flair", case_id, {**PLUGIN, **options})
    return sitk.ReadImage(file), params


def served_image(server: Server, case_id: str) -> sitk.Image:
    answer = server.get("/datastore/image", params={"image": case_id})
    path = server.downloads / f"{case_id}.nii.gz"
    path.write_bytes(answer.content)
    return sitk.ReadImage(str(path))


def uncertainty(server: Server, case_id: str, **options: Any) -> np.ndarray:
    file, _ = server.client().infer("uncertainty", case_id, {"result_extension": ".nii.gz", **options})
    return sitk.GetArrayFromImage(sitk.ReadImage(file))


# --- without weights


def test_without_weights_it_says_what_to_do(untrained: dict[str, Any]) -> None:
    assert untrained["models"] == {}
    assert untrained["labels"] == ["tumor"]
    assert list(untrained["trainers"]) == ["lgg_flair"]
    assert "--conf weights FILE" in untrained["description"]
    assert untrained["datastore"] == {"total": 8, "completed": 5, "label_tags": {"final": 5}}


def test_a_request_without_weights_is_answered_with_a_reason(untrained: dict[str, Any]) -> None:
    status, detail = untrained["refused"]
    assert status == 503
    assert "Press Train" in detail


def test_models_of_the_other_app_are_not_here(slice_server: Server) -> None:
    answer = slice_server.post("/infer/unet3d", params={"image": "open"}, data={"params": "{}"})
    assert answer.status_code == 404
    assert "lgg_flair" in answer.json()["detail"]


# --- training


def test_training_reports_its_end_and_the_new_weights_are_served(trained: dict[str, Any], slice_server: Server) -> None:
    assert trained["status"] == "DONE", trained["details"]
    info = slice_server.get("/info/").json()
    assert list(info["models"]) == ["lgg_flair", "uncertainty"]
    assert "--conf weights" not in info["description"]
    stats = info["train_stats"]["lgg_flair"]
    assert (stats["epoch"], stats["total_epochs"]) == (EPOCHS, EPOCHS)
    assert 0.6 < stats["best_metric"] <= 1


def test_the_weights_say_what_they_were_made_of(trained: dict[str, Any], slice_server: Server) -> None:
    (path,) = (slice_server.state / "models").glob("lgg_flair-1.safetensors")
    version = ModelVersion.load(path)
    assert version.version == "trained-1"
    assert version.recipe.inference.threshold == 0.3
    assert set(version.metadata["trained_on"]) <= set("ABCDE")


# --- segmenting


@pytest.mark.parametrize(("case_id", "seed"), [("open", 10), ("single", 11), ("volume", 12)])
def test_the_mask_is_the_tumour_on_the_cases_own_grid(case_id: str, seed: int, trained: dict[str, Any], slice_server: Server) -> None:
    mask, params = segment(slice_server, case_id, passes="0")
    assert mask.GetPixelID() == sitk.sitkUInt8
    array = sitk.GetArrayFromImage(mask)
    assert set(np.unique(array)) == {0, 1}
    assert Grid.of(mask).same_as(Grid.of(served_image(slice_server, case_id)))
    truth = make_patient(seed)[1]
    truth = truth[3:4] if case_id == "single" else truth[::-1, :, ::-1] if case_id == "volume" else truth
    assert dice(array[None], truth[None])[0] > 0.8
    assert params["label_names"] == {"tumor": 1}
    assert params["volumes_ml"]["tumor"] == pytest.approx(array.sum() * np.prod(mask.GetSpacing()) / 1000, abs=1e-3)
    assert params["model_version"] == "trained-1"
    assert any("FLAIR stands in" in warning for warning in params["warnings"]) is (case_id != "open")


def test_uncertainty_is_dropout_alone_seeded_and_leaves_the_mask(trained: dict[str, Any], slice_server: Server) -> None:
    before, _ = segment(slice_server, "open", passes="0")
    first = uncertainty(slice_server, "open", passes=4, seed="3")
    assert first.dtype == np.float32
    assert first.shape == sitk.GetArrayFromImage(before).shape
    assert 0 <= first.min() < first.max() <= 0.5
    slice_server.client().infer("uncertainty", "open", {"passes": 4, "seed": "4"})  # pushes the stored map of seed 3 out
    slice_server.client().infer("uncertainty", "open", {"passes": 5, "seed": "4"})
    again, _ = segment(slice_server, "open", passes="4", seed=3)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(again), sitk.GetArrayFromImage(before))
    stored = slice_server.get("/datastore/label", params={"label": "open", "tag": "uncertainty"})
    path = slice_server.downloads / "stored.nii.gz"
    path.write_bytes(stored.content)
    np.testing.assert_allclose(sitk.GetArrayFromImage(sitk.ReadImage(str(path))), first, atol=1e-6)


def test_a_volume_opened_in_slicer_is_segmented_by_its_session(trained: dict[str, Any], slice_server: Server) -> None:
    """Its name says nothing about a sequence: here everything is FLAIR."""
    file = slice_server.studies / "volume_flair.nii.gz"
    client = slice_server.client()
    session = client.create_session(str(file))["session_id"]
    result, _ = client.infer("lgg_flair", "MRHead", {**PLUGIN, "passes": "0"}, session_id=session)
    ours, _ = segment(slice_server, "volume", passes="0")
    np.testing.assert_array_equal(sitk.GetArrayFromImage(sitk.ReadImage(result)), sitk.GetArrayFromImage(ours))


def test_next_sample_offers_a_case_without_a_mask(trained: dict[str, Any], slice_server: Server) -> None:
    sample = slice_server.client().next_sample("sequential", {})
    assert sample["id"] in {"open", "single", "volume"}
    assert Path(sample["path"]).is_file()
    assert sample["name"].endswith(".nii.gz")


# --- correcting and training again


def test_a_submitted_mask_is_learnt_from(trained: dict[str, Any], slice_server: Server, tmp_path: Path) -> None:
    mask, _ = segment(slice_server, "volume", passes="0")
    path = tmp_path / "corrected.nrrd"
    sitk.WriteImage(mask, str(path))
    client = slice_server.client()
    client.save_label("volume", str(path), "final", {"label_info": [{"name": "tumor", "idx": 0}]})
    assert slice_server.get("/info/").json()["datastore"]["completed"] == 6
    run = train(slice_server, epochs=1, start="served weights")
    assert run["status"] == "DONE", run["details"]
    assert any("6 cases" in line for line in run["details"]), run["details"]
    assert segment(slice_server, "open", passes="0")[1]["model_version"] == "trained-2"


def test_a_submitted_label_of_another_name_is_refused(trained: dict[str, Any], slice_server: Server, tmp_path: Path) -> None:
    mask, _ = segment(slice_server, "open", passes="0")
    path = tmp_path / "corrected.nrrd"
    sitk.WriteImage(mask, str(path))
    with path.open("rb") as stream:
        answer = slice_server.put(
            "/datastore/label",
            params={"image": "open"},
            files={"label": stream},
            data={"params": '{"label_info": [{"name": "edema"}]}'},
        )
    assert answer.status_code == 422
    assert "'edema'" in answer.json()["detail"]
    assert "'tumor'" in answer.json()["detail"]


def test_a_training_can_be_stopped_and_continued(trained: dict[str, Any], slice_server: Server) -> None:
    served = segment(slice_server, "open", passes="0")[1]["model_version"]
    started = slice_server.post("/train/lgg_flair", json={"epochs": 500}).json()
    assert started["status"] in ("SUBMITTED", "RUNNING")
    second = slice_server.post("/train/lgg_flair", json={"epochs": 1})
    assert second.status_code == 429
    assert "under way" in second.json()["detail"]
    deadline = time.monotonic() + 120
    while slice_server.get("/info/").json()["train_stats"]["lgg_flair"].get("epoch", 0) < 2:
        assert time.monotonic() < deadline
        assert slice_server.get("/train/").json()["status"] == "RUNNING"
        time.sleep(0.1)
    stopped = slice_server.delete("/train/").json()
    assert stopped["status"] == "STOPPED"
    assert stopped["details"]
    assert slice_server.get("/train/", params={"check_if_running": "true"}).status_code == 404
    assert segment(slice_server, "open", passes="0")[1]["model_version"] == served
    slice_server.post("/train/lgg_flair", json={"epochs": 500, "start": "continue"})
    while slice_server.get("/info/").json()["train_stats"]["lgg_flair"].get("epoch", 0) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert slice_server.delete("/train/").json()["status"] == "STOPPED"
    assert any("continued" in line for line in ended(slice_server)["details"])


@pytest.mark.parametrize(("options", "named"), [({"epochs": 0}, "epochs"), ({"start": "sideways"}, "start")])
def test_options_that_cannot_be_used_end_the_training_with_a_reason(
    options: dict[str, Any], named: str, trained: dict[str, Any], slice_server: Server
) -> None:
    answer = slice_server.post("/train/lgg_flair", json=options)
    assert answer.status_code == 422
    assert f"option {named}" in answer.json()["detail"]


def test_an_unknown_trainer_is_named(slice_server: Server) -> None:
    answer = slice_server.post("/train/unet3d", json={})
    assert answer.status_code == 404
    assert "lgg_flair" in answer.json()["detail"]
