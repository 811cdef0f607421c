"""A reader's day with the stock plugin: connect, next case, segment, look where it is unsure, correct, submit, next case.

Each fixture is one step on the same desk and returns what was on the screen after it, so the tests can look at any step in any order.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest
from harness.remote import Desk, can_photograph
from live import compare
from live.picture import draw
from live.server import Server
from live.study import Study

from gliolabel.vocabulary import LABELS, RESEARCH_NOTICE

pytestmark = pytest.mark.timeout(1800)  # half a minute when the machine has nothing else to do

NAMES = list(LABELS)
READER = "reader-one"
#: The fewest passes the panel offers, instead of twenty: these tests look at what arrives, not at how good the map is.
PASSES = "5"


def screen(desk: Desk) -> dict[str, Any]:
    """Everything on the screen now."""
    return {
        "sample": desk.sample(),
        "volume": desk.volume(),
        "segments": desk.segments(),
        "points": desk.points(),
        "cursors": desk.wait_cursors(),
    }


def run(desk: Desk, model: str) -> dict[str, Any]:
    """Choose a model, press Run, and return the screen with the answer that came over the wire."""
    desk.choose("segmentationModelSelector", model)
    boxes = desk.press("segmentationButton")
    return {**screen(desk), "boxes": boxes, "received": desk.received()}


@pytest.fixture(scope="module")
def desk(server: Server, open_desk: Callable[..., Desk]) -> Desk:
    return open_desk(READER, server.url)


@pytest.fixture(scope="module")
def connected(desk: Desk, server: Server) -> dict[str, Any]:
    desk.press("fetchServerInfoButton")
    combos = ("segmentationModelSelector", "deepgrowModelSelector", "strategyBox", "trainerBox", "appComboBox")
    seen: dict[str, Any] = {combo: desk.offers(combo) for combo in combos}
    seen["first model"] = desk.state("segmentationModelSelector", "currentText")
    seen["first strategy"] = desk.state("strategyBox", "currentText")
    seen["datastore"] = server.get("/info/").json()["datastore"]
    seen["options"] = {name: desk.options("infer", name) for name in ("unet3d", "resunet2d", "where_to_look", "uncertainty")}
    return seen


@pytest.fixture(scope="module")
def first_case(desk: Desk, connected: dict[str, Any]) -> dict[str, Any]:
    boxes = desk.press("nextSampleButton")
    return {**screen(desk), "boxes": boxes, "cache": desk.download_cache()}


@pytest.fixture(scope="module")
def segmented(desk: Desk, first_case: dict[str, Any]) -> dict[str, Any]:
    desk.set_option("infer", "unet3d", "passes", PASSES)
    return run(desk, "unet3d")


@pytest.fixture(scope="module")
def places(desk: Desk, segmented: dict[str, Any]) -> dict[str, Any]:
    return run(desk, "where_to_look")


@pytest.fixture(scope="module")
def mapped(desk: Desk, places: dict[str, Any], server: Server, artifacts: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The stored map opened beside the segments, as a companion module would do it, and pictures of the slice with most tumour."""
    case_id = places["sample"]["id"]
    file = server.label(case_id, "uncertainty", tmp_path_factory.mktemp("map"))
    desk.open_volume(str(file), "uncertainty")
    seen: dict[str, Any] = {**screen(desk), "map": desk.volume_named("uncertainty"), "pictures": {}}
    if can_photograph():
        k = int((compare.scene_mask(seen["segments"]) > 0).sum(axis=(1, 2)).argmax())
        superior_mm = float((seen["volume"]["ijk_to_ras"] @ [0, 0, k, 1])[2])
        artifacts.mkdir(parents=True, exist_ok=True)
        for name, overlay in (("segments", None), ("map", "uncertainty")):
            seen["pictures"][name] = artifacts / f"{case_id}_slice_view_{name}.png"
            desk.photograph(str(seen["pictures"][name]), overlay=overlay, superior_mm=superior_mm)
    return seen


@pytest.fixture(scope="module")
def corrected(desk: Desk, places: dict[str, Any], mapped: dict[str, Any]) -> dict[str, Any]:
    """A ball of edema and a smaller one of necrosis, painted across the border of the tumour."""
    volume, before = places["volume"], compare.scene_mask(places["segments"])
    border = np.argwhere(before == LABELS["edema"])[0]
    wide = compare.brush(volume, center=tuple(border), radius_mm=9)
    narrow = compare.brush(volume, center=tuple(border), radius_mm=5)
    desk.paint("edema", wide)
    desk.paint("necrosis", narrow)
    return {**screen(desk), "before": before, "wide": wide, "narrow": narrow}


@pytest.fixture(scope="module")
def submitted(desk: Desk, corrected: dict[str, Any]) -> dict[str, Any]:
    desk.choose("segmentationModelSelector", "unet3d")
    boxes = desk.press("saveLabelButton")
    return {**screen(desk), "boxes": boxes, "progress": desk.state("activeLearningProgressBar", "value")}


@pytest.fixture(scope="module")
def second_case(desk: Desk, submitted: dict[str, Any]) -> dict[str, Any]:
    boxes = desk.press("nextSampleButton")
    return {**screen(desk), "boxes": boxes}


@pytest.fixture(scope="module")
def segmented_2d(desk: Desk, second_case: dict[str, Any]) -> dict[str, Any]:
    desk.set_option("infer", "resunet2d", "passes", "0")
    return run(desk, "resunet2d")


def test_the_panel_offers_the_models_and_strategies(connected: dict[str, Any]) -> None:
    assert connected["segmentationModelSelector"] == ["resunet2d", "unet3d", "where_to_look"]
    assert connected["first model"] == "resunet2d"
    assert connected["deepgrowModelSelector"] == []
    assert connected["first strategy"] == connected["strategyBox"][0]
    assert connected["appComboBox"] != [""]


def test_every_option_has_a_widget(connected: dict[str, Any]) -> None:
    assert "passes" in connected["options"]["unet3d"]
    assert connected["options"]["unet3d"]["sequence"][0] == "auto"
    assert "measure" in connected["options"]["uncertainty"]


def test_next_sample_shows_the_reference_sequence_from_the_shared_path(first_case: dict[str, Any], study: Study) -> None:
    case_id = first_case["sample"]["id"]
    assert case_id in study.open_ids, f"offered {case_id}, which is labelled already or unknown"
    file = Path(first_case["sample"]["path"])
    assert file.is_relative_to(study.folder), "the file should be the case's own, not a copy"
    assert file.name == study.truth[case_id].sequences[study.truth[case_id].reference].path.name
    np.testing.assert_array_equal(first_case["volume"]["array"], compare.voxels(file))
    np.testing.assert_allclose(first_case["volume"]["ijk_to_ras"], compare.ijk_to_ras(file), atol=1e-4)
    assert not [name for name in first_case["cache"] if not name.startswith(".")], "a shared file was downloaded all the same"


def test_next_sample_makes_one_empty_segment_per_tissue(first_case: dict[str, Any]) -> None:
    assert [(s["id"], s["name"], s["voxels"]) for s in first_case["segments"]] == [(name, name, 0) for name in NAMES]


@pytest.mark.parametrize("step", ["segmented", "segmented_2d"])
def test_segments_are_the_result_file(step: str, request: pytest.FixtureRequest) -> None:
    """Names, voxel by voxel, and geometry: the scene against the file that came over the wire."""
    after = request.getfixturevalue(step)
    file = Path(after["received"]["file"])
    result = compare.voxels(file)
    assert result.dtype == np.uint8
    assert set(np.unique(result)) <= {0, *LABELS.values()}
    np.testing.assert_allclose(compare.ijk_to_ras(file), after["volume"]["ijk_to_ras"], atol=1e-4)
    assert result.shape == after["volume"]["array"].shape
    assert [s["name"] for s in after["segments"]] == NAMES
    for segment in after["segments"]:
        expected = result == LABELS[segment["name"]]
        assert segment["voxels"] == int(expected.sum()), (
            f"{segment['name']}: {segment['voxels']} voxels in the scene, {expected.sum()} in the file"
        )
        np.testing.assert_array_equal(segment["array"], expected)
    assert after["received"]["params"]["label_names"] == dict(LABELS)
    assert list(after["received"]["params"]["label_names"]) == NAMES


@pytest.mark.parametrize("step", ["segmented", "segmented_2d"])
def test_segments_are_the_tumour(step: str, request: pytest.FixtureRequest, study: Study) -> None:
    """The scene against the ground truth. The bounds are loose: this finds a shifted, flipped or relabelled mask, not a weak model."""
    after = request.getfixturevalue(step)
    scores = compare.region_dice(compare.scene_mask(after["segments"]), study.label(after["sample"]["id"]))
    bounds = {"WT": 0.8, "TC": 0.7, "ET": 0.6} if study.real else {"WT": 0.7}
    assert all(scores[region] >= bound for region, bound in bounds.items()), (
        f"{after['sample']['id']}: Dice {scores}, expected at least {bounds}"
    )


@pytest.mark.parametrize("step", ["segmented", "places", "segmented_2d"])
def test_running_shows_no_box_and_leaves_no_wait_cursor(step: str, request: pytest.FixtureRequest) -> None:
    after = request.getfixturevalue(step)
    assert after["boxes"] == []
    assert after["cursors"] == 0


@pytest.mark.parametrize(("step", "model", "passes"), [("segmented", "unet3d", int(PASSES)), ("segmented_2d", "resunet2d", 0)])
def test_answer_says_what_was_run(step: str, model: str, passes: int, request: pytest.FixtureRequest, study: Study) -> None:
    after = request.getfixturevalue(step)
    params = after["received"]["params"]
    assert params["model"] == model
    assert params["model_version"]
    assert params["passes"] == passes
    assert params["device"]
    assert params["warnings"] == [], "a case with four good sequences needs no warning"
    voxel_ml = abs(np.linalg.det(after["volume"]["ijk_to_ras"][:3, :3])) / 1000
    whole_tumour = sum(s["voxels"] for s in after["segments"]) * voxel_ml
    assert params["volumes_ml"]["WT"] == pytest.approx(whole_tumour, rel=0.01, abs=0.01)
    assert RESEARCH_NOTICE in str(params)


def test_places_are_points_inside_the_volume(places: dict[str, Any], segmented: dict[str, Any]) -> None:
    assert len(places["points"]) == 1, "one point list, as where_to_look answers one"
    found = places["points"][0]["points"]
    assert found, "no place to look at"
    to_index = np.linalg.inv(places["volume"]["ijk_to_ras"])
    brain = places["volume"]["array"] != 0
    for point in found:
        i, j, k = (to_index @ [*point["ras"], 1.0])[:3]
        assert 0 <= round(i) < brain.shape[2], point
        assert 0 <= round(j) < brain.shape[1], point
        assert 0 <= round(k) < brain.shape[0], point
        assert point["label"].strip(), "a place without a text"
    before = {s["name"]: s["array"] for s in segmented["segments"]}
    for segment in places["segments"]:
        np.testing.assert_array_equal(segment["array"], before[segment["name"]], err_msg="where_to_look changed a segment")


def test_places_are_where_the_map_is_high(places: dict[str, Any], server: Server, tmp_path: Path) -> None:
    """At least in the upper tenth of the map inside the head, at the voxel itself or beside it."""
    uncertainty = compare.voxels(server.label(places["sample"]["id"], "uncertainty", tmp_path))
    high = np.percentile(uncertainty[uncertainty > 0], 90)
    to_index = np.linalg.inv(places["volume"]["ijk_to_ras"])
    for point in places["points"][0]["points"]:
        i, j, k = np.rint((to_index @ [*point["ras"], 1.0])[:3]).astype(int)
        around = uncertainty[max(k - 1, 0) : k + 2, max(j - 1, 0) : j + 2, max(i - 1, 0) : i + 2]
        assert around.max() >= high, f"{point['label']} at {(k, j, i)}: {around.max()} is below {high}"


def test_painting_arrived_in_the_scene(corrected: dict[str, Any]) -> None:
    """The test's own hand: without it the submit test would compare an unchanged mask."""
    expected = corrected["before"].copy()
    expected[corrected["wide"]] = LABELS["edema"]
    expected[corrected["narrow"]] = LABELS["necrosis"]
    np.testing.assert_array_equal(compare.scene_mask(corrected["segments"]), expected)
    assert (expected != corrected["before"]).sum() > 100


def test_the_stored_label_is_the_correction(submitted: dict[str, Any], corrected: dict[str, Any], server: Server, tmp_path: Path) -> None:
    case_id = corrected["sample"]["id"]
    file = server.label(case_id, "final", tmp_path)
    np.testing.assert_array_equal(compare.voxels(file), compare.scene_mask(corrected["segments"]))
    np.testing.assert_allclose(compare.ijk_to_ras(file), corrected["volume"]["ijk_to_ras"], atol=1e-4)
    assert READER in str(server.label_info(case_id, "final")), "who submitted it is lost"


def test_submitting_says_so_and_counts(submitted: dict[str, Any], connected: dict[str, Any]) -> None:
    assert [box.kind for box in submitted["boxes"]] == ["info"]
    assert "saved" in submitted["boxes"][0].text
    before = connected["datastore"]
    assert submitted["progress"] == int((before["completed"] + 1) / before["total"] * 100)


def test_the_study_folder_is_untouched(submitted: dict[str, Any], study: Study) -> None:
    names = {path.name for path in study.folder.rglob("*") if path.is_file()}
    sources = {volume.path.name for case in study.truth.values() for volume in case.sequences.values()}
    label = study.truth[study.done].label
    assert label is not None
    assert names == sources | {label.path.name}


def test_the_next_sample_is_another_case_with_empty_segments(second_case: dict[str, Any], submitted: dict[str, Any], study: Study) -> None:
    assert [box.kind for box in second_case["boxes"]] == ["question"], "closing the scene is asked for"
    assert second_case["sample"]["id"] in study.open_ids - {submitted["sample"]["id"]}
    assert [(s["name"], s["voxels"]) for s in second_case["segments"]] == [(name, 0) for name in NAMES]
    assert second_case["points"] == []


def test_the_map_lies_on_the_volume_and_is_highest_at_the_tumour(mapped: dict[str, Any]) -> None:
    uncertainty, volume = mapped["map"], mapped["volume"]
    np.testing.assert_allclose(uncertainty["ijk_to_ras"], volume["ijk_to_ras"], atol=1e-4)
    assert uncertainty["array"].shape == volume["array"].shape
    assert 0 <= uncertainty["array"].min() < uncertainty["array"].max() <= 0.5
    inside = compare.scene_mask(mapped["segments"]) > 0
    assert uncertainty["array"][inside].mean() > 2 * uncertainty["array"][~inside].mean()


def test_picture_of_what_the_scene_holds(mapped: dict[str, Any], artifacts: Path) -> None:
    case_id = mapped["sample"]["id"]
    written = draw(
        artifacts / f"{case_id}_scene.png",
        volume=mapped["volume"],
        segments=mapped["segments"],
        uncertainty=mapped["map"],
        title=f"{case_id}, unet3d",
    )
    assert written.stat().st_size > 20_000


@pytest.mark.skipif(not can_photograph(), reason="no EGL on this machine: Slicer's slice view cannot be drawn off screen")
def test_slicers_own_slice_view_shows_volume_segments_and_map(mapped: dict[str, Any]) -> None:
    """The segments' colours cover the share of the brain that they have in this slice, and the map adds to them."""
    mask = compare.scene_mask(mapped["segments"]) > 0
    k = int(mask.sum(axis=(1, 2)).argmax())
    pictures = {name: matplotlib.image.imread(path)[..., :3] for name, path in mapped["pictures"].items()}
    colored = pictures["segments"].max(axis=2) - pictures["segments"].min(axis=2) > 0.04
    grey = (pictures["segments"].max(axis=2) > 0.1) & ~colored
    assert grey.mean() > 0.1, "the volume is not in the picture"
    brain = (mapped["volume"]["array"][k] != 0).sum()
    assert colored.sum() / (colored | grey).sum() == pytest.approx(mask[k].sum() / brain, rel=0.5), "the segments cover another area"
    assert np.abs(pictures["map"] - pictures["segments"]).max() > 0.1, "the map is not in the picture"
