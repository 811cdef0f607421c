"""The unmodified client against a real server process."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from monailabel.client import MONAILabelClient
from monailabel.client.client import MONAILabelClientException
from tests.labelserver.conftest import Server, wait_until

from gliolabel.studies import Grid

#: What the plugin sends with every run.
PLUGIN = {"result_extension": ".nrrd", "result_dtype": "uint8"}
LABELS = ["necrosis", "edema", "enhancing tumor"]


@pytest.fixture
def client(shared_server: Server) -> MONAILabelClient:
    return shared_server.client()


def grid_of(path: str | Path) -> Grid:
    return Grid.of(sitk.ReadImage(str(path)))


def array_of(path: str | Path) -> np.ndarray:
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


def reference(server: Server, case_id: str) -> Path:
    return server.studies / case_id / f"{case_id}_t1ce.nii.gz"


def status_of(call: Any) -> int:
    with pytest.raises(MONAILabelClientException) as error:
        call()
    message = str(error.value.msg)
    assert '"detail"' in message, message
    assert "Traceback" not in message
    return int(message.split("Status: ")[1].split(";")[0])


# --- what the plugin is told


def test_info_is_what_the_plugin_needs(client: MONAILabelClient) -> None:
    info = client.info()
    assert info["labels"] == LABELS
    assert list(info["models"]) == ["resunet2d", "unet3d", "where_to_look", "uncertainty"]
    assert [model["type"] for model in info["models"].values()] == ["segmentation"] * 3 + ["others"]
    assert info["models"]["uncertainty"]["labels"] == []
    assert list(info["trainers"]) == ["resunet2d", "unet3d"]
    assert next(iter(info["strategies"])) == "most_uncertain"
    assert not info.get("config")
    assert info["datastore"]["total"] >= 4
    assert "Research use only" in info["description"]


def test_option_tables_hold_only_what_the_plugin_can_show(client: MONAILabelClient) -> None:
    for model in client.info()["models"].values():
        for name, value in model["config"].items():
            if isinstance(value, list):
                assert value, name
                assert all(isinstance(choice, str) for choice in value), name
            else:
                assert isinstance(value, str | int | float), name
                assert value not in (0, 0.0), f"{name} would be shown as an empty field"


# --- next sample


def test_next_sample_is_a_file_that_slicer_can_open(shared_server: Server, client: MONAILabelClient) -> None:
    sample = client.next_sample("sequential", {})
    path = Path(sample["path"])
    assert path == reference(shared_server, sample["id"])
    assert sample["name"] == f"{sample['id']}.nii.gz"
    assert sample["PatientID"] == sample["id"]
    assert sample["checksum"] == "SHA256:" + hashlib.sha256(path.read_bytes()).hexdigest()
    assert sample["reason"]
    download = shared_server.get("/datastore/image", params={"image": sample["id"]})
    assert download.content == path.read_bytes()
    assert sample["name"] in download.headers["content-disposition"]


@pytest.mark.parametrize("strategy", ["most_uncertain", "random", "sequential"])
def test_completed_cases_are_never_offered(shared_server: Server, client: MONAILabelClient, strategy: str) -> None:
    objects = shared_server.get("/datastore/?output=all").json()["objects"]
    to_do = {case_id for case_id, entry in objects.items() if "final" not in entry["labels"]}
    assert "Case_000" not in to_do, "it has a label"
    offered = {client.next_sample(strategy, {})["id"] for _ in to_do}
    assert offered == to_do, "a reader who asks again gets another case"


def test_an_unknown_strategy_is_named(client: MONAILabelClient) -> None:
    assert status_of(lambda: client.next_sample("luck", {})) == 404
    assert status_of(lambda: client.next_sample("random", {"image": "/etc/passwd"})) == 422


# --- segmentation


@pytest.mark.parametrize("model", ["unet3d", "resunet2d"])
def test_a_mask_lies_on_the_reference_grid(shared_server: Server, client: MONAILabelClient, model: str) -> None:
    file, params = client.infer(model, "Case_001", {**PLUGIN, "passes": "0", "sequence": "auto"})
    image = sitk.ReadImage(file)
    assert image.GetPixelID() == sitk.sitkUInt8
    assert Grid.of(image).same_as(grid_of(reference(shared_server, "Case_001")), tolerance_mm=1e-4)
    array = sitk.GetArrayFromImage(image)
    assert set(np.unique(array)) <= {0, 1, 2, 3}
    assert list(params["label_names"].items()) == [("necrosis", 1), ("edema", 2), ("enhancing tumor", 3)]
    assert (params["model"], params["model_version"], params["passes"]) == (model, "untrained-1", 0)
    assert params["volumes_ml"]["WT"] == pytest.approx((array > 0).sum() / 1000, abs=0.01)
    assert {"read", "prepare", "network", "restore", "write"} <= set(params["latencies"])
    # Networks that were never trained see enhancing tumour anywhere, which is said.
    assert [warning for warning in params["warnings"] if not warning.startswith("enhancing tumor is hardly")] == []
    assert params["uncertainty_map"] == "none"


@pytest.mark.parametrize(
    ("extension", "dtype", "ending", "pixel"),
    [
        (".nii.gz", "uint8", ".nii.gz", sitk.sitkUInt8),
        (".nii", "int16", ".nii", sitk.sitkInt16),
        (".seg.nrrd", "uint8", ".nrrd", sitk.sitkUInt8),
        ("mha", "uint16", ".mha", sitk.sitkUInt16),
    ],
)
def test_extension_and_number_type_are_honoured(client: MONAILabelClient, extension: str, dtype: str, ending: str, pixel: int) -> None:
    file, _ = client.infer("unet3d", "Case_001", {"result_extension": extension, "result_dtype": dtype, "passes": 0})
    assert file.endswith(ending)
    assert sitk.ReadImage(file).GetPixelID() == pixel


@pytest.mark.parametrize("params", [{"result_extension": ".exe"}, {"result_dtype": "object"}, {"passes": "many"}, {"sequence": "t9"}])
def test_options_that_make_no_sense_are_refused(client: MONAILabelClient, params: dict[str, str]) -> None:
    assert status_of(lambda: client.infer("unet3d", "Case_001", {"passes": 0, **params})) == 422


@pytest.mark.parametrize("key", ["image", "model", "session", "save_label", "label_tag"])
def test_params_cannot_replace_what_the_address_says(client: MONAILabelClient, key: str) -> None:
    assert status_of(lambda: client.infer("unet3d", "Case_001", {key: "/etc/passwd"})) == 422


@pytest.mark.parametrize("image", ["nobody", "..", "../Case_001", "/etc/passwd", "", "Case_001/Case_001_t1ce.nii.gz"])
def test_an_unknown_image_is_never_another_one(client: MONAILabelClient, image: str) -> None:
    assert status_of(lambda: client.infer("unet3d", image, {})) in (404, 422)


def test_an_absolute_path_is_no_image(shared_server: Server, client: MONAILabelClient) -> None:
    assert status_of(lambda: client.infer("unet3d", str(reference(shared_server, "Case_001")), {})) == 404
    wsi = shared_server.post("/infer/wsi/unet3d", params={"image": str(reference(shared_server, "Case_001"))}, json={})
    assert wsi.status_code == 404


def test_an_unknown_model_is_named(client: MONAILabelClient) -> None:
    assert status_of(lambda: client.infer("gpt", "Case_001", {})) == 404


def test_a_corrupt_case_names_its_file_and_the_others_keep_working(shared_server: Server, client: MONAILabelClient) -> None:
    path = shared_server.studies / "Case_003" / "Case_003_flair.nii.gz"
    content = path.read_bytes()
    try:
        path.write_bytes(content[: len(content) // 2])
        with pytest.raises(MONAILabelClientException) as error:
            client.infer("unet3d", "Case_003", {"passes": 0})
        assert "422" in error.value.msg
        assert "Case_003_flair.nii.gz" in error.value.msg
        client.infer("unet3d", "Case_002", {"passes": 0})
    finally:
        path.write_bytes(content)


def test_missing_sequences_are_warned_about(shared_server: Server, client: MONAILabelClient) -> None:
    path = shared_server.studies / "Case_003" / "Case_003_t2.nii.gz"
    volume = shared_server.studies.parent / "alone t1ce.nii.gz"
    volume.write_bytes(path.with_name("Case_003_t1ce.nii.gz").read_bytes())
    client.upload_image(str(volume), "alone t1ce")
    _, params = client.infer("unet3d", "alone t1ce", {"passes": 0})
    assert any("flair" in warning and "t2" in warning for warning in params["warnings"])


# --- uncertainty


def test_the_map_follows_the_mask_and_is_found_under_its_tag(shared_server: Server, client: MONAILabelClient) -> None:
    file, params = client.infer("resunet2d", "Case_002", {**PLUGIN, "passes": "auto"})
    assert params["passes"] == 20
    assert params["uncertainty_map"] == "computing"
    download = wait_until(lambda: _found(shared_server, "Case_002"))
    path = shared_server.downloads / "map.nii.gz"
    path.write_bytes(download)
    image = sitk.ReadImage(str(path))
    assert image.GetPixelID() == sitk.sitkFloat32
    assert Grid.of(image).same_as(grid_of(file))
    array = sitk.GetArrayFromImage(image)
    assert 0 < array.max() <= 0.5
    info = shared_server.get("/datastore/label/info", params={"label": "Case_002", "tag": "uncertainty"}).json()
    expected = {"model": "resunet2d", "model_version": "untrained-1", "measure": "std", "passes": 20, "seed": 0}
    assert expected.items() <= info.items()
    assert set(info["uncertainty"]) == {"WT", "TC", "ET"}
    # asked for again, it is the same run
    again, params = client.infer("uncertainty", "Case_002", {**PLUGIN, "of": "resunet2d"})
    assert params["computed"] is False
    assert again.endswith(".nii.gz")
    np.testing.assert_array_equal(array_of(again), array)
    # and so for the points
    file, params = client.infer("where_to_look", "Case_002", {**PLUGIN, "places": 3, "of": "auto"})
    assert params["model"] == "resunet2d"


def _found(server: Server, case_id: str) -> bytes | None:
    answer = server.get("/datastore/label", params={"label": case_id, "tag": "uncertainty"})
    return answer.content if answer.ok else None


def test_a_map_before_the_answer_brings_its_scores(client: MONAILabelClient) -> None:
    _, params = client.infer("unet3d", "Case_001", {**PLUGIN, "passes": "3"})
    assert params["passes"] == 3
    assert params["uncertainty_map"] == "ready"
    assert set(params["uncertainty"]) == {"WT", "TC", "ET"}
    assert {"band_mean", "volume_cv", "pairwise_dice", "volume_ml_p05", "volume_ml_p95"} == set(params["uncertainty"]["WT"])


def test_the_same_seed_gives_the_same_map_and_the_mask_never_changes(client: MONAILabelClient) -> None:
    before = array_of(client.infer("unet3d", "Case_001", {**PLUGIN, "passes": 0})[0])
    options = {"passes": 3, "of": "unet3d", "measure": "entropy"}
    first = array_of(client.infer("uncertainty", "Case_001", {**options, "seed": 1})[0])
    other = array_of(client.infer("uncertainty", "Case_001", {**options, "seed": 2})[0])
    client.infer("uncertainty", "Case_001", {**options, "seed": 3})
    client.infer("uncertainty", "Case_001", {**options, "seed": 4})  # pushes the first out
    again, params = client.infer("uncertainty", "Case_001", {**options, "seed": 1})
    assert params["computed"] is True
    np.testing.assert_array_equal(array_of(again), first)
    assert not np.array_equal(first, other)
    np.testing.assert_array_equal(array_of(client.infer("unet3d", "Case_001", {**PLUGIN, "passes": 0})[0]), before)


def test_places_are_markups_inside_the_volume(shared_server: Server, client: MONAILabelClient) -> None:
    file, params = client.infer("where_to_look", "Case_001", {**PLUGIN, "places": 4, "of": "unet3d"})
    assert file.endswith(".json")
    markups = json.loads(Path(file).read_text())["markups"][0]
    assert markups["coordinateSystem"] == "LPS"
    assert len(markups["controlPoints"]) == len(params["places"]) <= 4
    image = sitk.ReadImage(str(reference(shared_server, "Case_001")))
    for point in markups["controlPoints"]:
        index = image.TransformPhysicalPointToIndex(point["position"])
        assert all(0 <= i < n for i, n in zip(index, image.GetSize(), strict=True))


def test_who_asks_for_a_map_that_is_computed_waits_for_it(client: MONAILabelClient, shared_server: Server) -> None:
    answers: list[dict[str, Any]] = []
    options = {"of": "resunet2d", "passes": 12, "seed": 77}
    asking = [
        threading.Thread(target=lambda: answers.append(shared_server.client().infer("uncertainty", "Case_003", dict(options))[1]))
        for _ in range(3)
    ]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    scores = {json.dumps(answer["uncertainty"]) for answer in answers}
    assert len(answers) == 3
    assert len(scores) == 1
    rows = list(shared_server.state.glob("maps/*/*_std_resunet2d_*"))
    assert len({row.name.split("_std_")[0] for row in rows}) >= 1


# --- nobody is held up


def test_the_server_answers_while_it_segments(shared_server: Server) -> None:
    working = threading.Thread(target=lambda: shared_server.client().infer("resunet2d", "Case_003", {"passes": 40, "seed": 5}))
    working.start()
    times = []
    while working.is_alive():
        before = time.perf_counter()
        assert shared_server.get("/info/").ok
        times.append(time.perf_counter() - before)
        time.sleep(0.02)
    working.join()
    assert len(times) > 3
    assert sorted(times)[len(times) // 2] < 1.0
