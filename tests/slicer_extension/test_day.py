"""A reader's day with the module: connect, next case, segment, look where it is unsure, correct, undo, submit, review.

Everything is done on the panel's widgets, over Slicer's own core, against a real server. Each fixture is one step and returns what was on
the screen after it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from harness.remote import Desk, Refused
from tests.labelserver.conftest import Server

from gliolabel.studies import open_studies
from gliolabel.vocabulary import LABELS, REGIONS

TISSUES = list(LABELS)
#: Slicer may be held up for so long at once (seconds), on a busy machine.
HELD_UP_S = 1.0


def screen(desk: Desk) -> dict[str, Any]:
    return {"stages": desk.stages(), "case": desk.case(), "segments": desk.segments(), "views": desk.views(), "points": desk.points()}


def mask_of(segments: list[dict[str, Any]]) -> np.ndarray:
    mask = np.zeros(segments[0]["array"].shape, np.uint8)
    for segment in segments:
        mask[segment["array"]] = LABELS.get(segment["name"], 0)
    return mask


def reference(server: Server, case_id: str) -> Any:
    return {case.id: case for case in open_studies(server.studies)}[case_id]


@pytest.fixture(scope="module")
def desk(server: Server, open_desk: Callable[..., Desk]) -> Desk:
    return open_desk("ann", server.url)


@pytest.fixture(scope="module")
def connected(desk: Desk) -> dict[str, Any]:
    before = desk.stages()
    desk.enter()
    return {"before": before, "stages": desk.wait()}


@pytest.fixture(scope="module")
def opened(desk: Desk, connected: dict[str, Any]) -> dict[str, Any]:
    desk.choose("strategyComboBox", "sequential")
    desk.press("nextCaseButton")
    during = desk.stages()["case"]
    desk.wait()
    return {**screen(desk), "during": during, "volumes": desk.volumes(), "files": desk.files(), "label": desk.state("caseLabel", "text")}


@pytest.fixture(scope="module")
def segmented(desk: Desk, opened: dict[str, Any]) -> dict[str, Any]:
    # Not the default, so that the re-run below is by another model.
    desk.choose("modelComboBox", "unet3d")
    desk.choose("passesComboBox", "5")
    desk.press("segmentButton")
    during = {"stages": desk.stages(), "bar": desk.state("maskProgressBar", "hidden"), "cancel": desk.state("cancelButton", "enabled")}
    desk.wait()
    return {
        **screen(desk),
        "during": during,
        "map": desk.map(),
        "changes": desk.rows("changesTable"),
        "places": desk.rows("placesTable"),
        "files": desk.files(),
        "longest": desk.longest_tick_s(),
    }


@pytest.fixture(scope="module")
def corrected(desk: Desk, segmented: dict[str, Any]) -> dict[str, Any]:
    brush = np.zeros(segmented["segments"][0]["array"].shape, bool)
    brush[4:8, 6:12, 6:12] = True
    desk.paint("edema", brush)
    desk.rest(1.3)
    return {**screen(desk), "brush": brush, "changes": desk.rows("changesTable")}


@pytest.fixture(scope="module")
def submitted(desk: Desk, corrected: dict[str, Any]) -> dict[str, Any]:
    desk.tick_row("placesTable", 0, True)
    desk.type("commentLineEdit", "edema was too small")
    desk.press("submitButton")
    desk.wait()
    return {**screen(desk), "files": desk.files()}


# --- connecting


def test_the_first_face_of_every_stage_says_what_to_do(connected: dict[str, Any]) -> None:
    assert {state for state, _ in connected["before"].values()} == {"empty"}
    assert all(text.endswith(".") for _, text in connected["before"].values())


def test_opening_the_module_connects_with_the_settings_of_monai_label(connected: dict[str, Any], desk: Desk) -> None:
    state, text = connected["stages"]["server"]
    assert state == "ready"
    assert "as ann" in text
    assert "1 of 5 cases done" in text
    assert desk.offers("modelComboBox") == ["resunet2d", "unet3d"]
    assert desk.offers("strategyComboBox")[0] == "most_uncertain"
    assert desk.offers("trainerComboBox") == ["resunet2d", "unet3d"]
    assert desk.offers("passesComboBox")[0] == "auto"
    assert "No training yet" in connected["stages"]["training"][1]


def test_nothing_can_be_pressed_too_early(connected: dict[str, Any], desk: Desk) -> None:
    if desk.case() is None:
        for button in ("segmentButton", "undoButton", "submitButton", "nextPlaceButton", "cancelButton"):
            with pytest.raises(Refused, match=button):
                desk.press(button)


# --- the case


def test_the_next_case_comes_with_its_reason_and_all_sequences_the_reference_first(opened: dict[str, Any], server: Server) -> None:
    assert opened["during"][0] == "busy"
    state, text = opened["stages"]["case"]
    assert state == "ready"
    assert opened["case"]["reason"].lower() in text.lower()
    assert opened["label"] == opened["case"]["id"]
    assert opened["case"]["sequences"] == ["t1ce", "flair", "t2", "t1"]
    case = reference(server, opened["case"]["id"])
    for name, volume in zip(opened["case"]["sequences"], opened["volumes"], strict=True):
        image = sitk.ReadImage(str(case.sequences[name].path))
        np.testing.assert_array_equal(volume["array"], sitk.GetArrayFromImage(image))
    assert opened["volumes"][0]["name"].endswith("T1 with contrast")
    assert opened["files"] == [], "patients' images are not left behind"


def test_the_views_show_the_reference_linked(opened: dict[str, Any]) -> None:
    planes = [opened["views"][name] for name in ("Red", "Green", "Yellow")]
    assert all(view["background"] == opened["volumes"][0]["name"] and view["linked"] for view in planes)
    assert [(segment["name"], segment["voxels"]) for segment in opened["segments"]] == [(name, 0) for name in TISSUES]


def test_all_sequences_stand_side_by_side_and_a_key_brings_one_to_the_front(opened: dict[str, Any], desk: Desk) -> None:
    desk.choose("viewsComboBox", "Sequences side by side")
    beside, (number, description) = desk.views(), desk.layout()
    names = [volume["name"] for volume in opened["volumes"]]
    assert [beside[view]["background"] for view in ("Red", "GlioLabel2", "GlioLabel3", "GlioLabel4")] == names
    assert {beside[view]["orientation"] for view in ("Red", "GlioLabel2", "GlioLabel3", "GlioLabel4")} == {"Axial"}
    assert number == 8471
    assert description.count("vtkMRMLSliceNode") == 4
    desk.choose("viewsComboBox", "Three planes")
    assert desk.layout()[0] != 8471
    desk.press_key("Alt+2")
    assert {desk.views()[view]["background"] for view in ("Red", "Green", "Yellow")} == {names[1]}
    desk.press_key("Alt+1")
    assert {desk.views()[view]["background"] for view in ("Red", "Green", "Yellow")} == {names[0]}


# --- the mask


def test_a_mask_comes_by_name_in_the_fixed_colours(segmented: dict[str, Any], server: Server) -> None:
    assert segmented["during"]["stages"]["mask"][0] == "busy"
    assert segmented["during"]["bar"] is False
    assert segmented["during"]["cancel"] is True
    assert [segment["name"] for segment in segmented["segments"]] == TISSUES
    colors = {segment["name"]: "#" + "".join(f"{round(255 * part):02X}" for part in segment["color"]) for segment in segmented["segments"]}
    assert colors == {"necrosis": "#0072B2", "edema": "#F0E442", "enhancing tumor": "#D55E00"}
    form = {"params": json.dumps({"passes": 0, "result_extension": ".nii.gz"})}
    answer = server.post("/infer/unet3d", params={"image": segmented["case"]["id"], "output": "image"}, data=form)
    expected = server.downloads / "expected.nii.gz"
    expected.write_bytes(answer.content)
    np.testing.assert_array_equal(mask_of(segmented["segments"]), sitk.GetArrayFromImage(sitk.ReadImage(str(expected))))
    state, text = segmented["stages"]["mask"]
    assert state == "ready"
    assert text.startswith("unet3d untrained-1 on cpu")
    assert segmented["files"] == []


def test_slicer_is_not_held_up(segmented: dict[str, Any]) -> None:
    assert segmented["longest"] < HELD_UP_S


def test_the_map_lies_over_the_image_on_one_fixed_scale(segmented: dict[str, Any], opened: dict[str, Any]) -> None:
    shown = segmented["map"]
    assert segmented["stages"]["map"][0] == "ready"
    assert shown["window"] == (0.0, 0.5)
    assert shown["threshold"] == pytest.approx(0.05)
    assert shown["colors"] == "GlioLabel uncertainty"
    assert 0 < shown["array"].max() <= 0.5
    np.testing.assert_allclose(shown["ijk_to_ras"], opened["volumes"][0]["ijk_to_ras"], atol=1e-4)
    for view in ("Red", "Green", "Yellow"):
        assert segmented["views"][view]["foreground"] == shown["name"]
        assert segmented["views"][view]["opacity"] == pytest.approx(0.6)


def test_sliders_and_key_change_what_is_shown_of_the_map(segmented: dict[str, Any], desk: Desk) -> None:
    desk.move("opacitySlider", 30)
    desk.move("thresholdSlider", 40)
    assert desk.views()["Red"]["opacity"] == pytest.approx(0.3)
    assert desk.map()["threshold"] == pytest.approx(0.2)
    assert desk.state("thresholdValueLabel", "text") == "from 0.20"
    desk.press_key("Alt+U")
    assert desk.views()["Red"]["opacity"] == 0
    desk.press_key("Alt+U")
    desk.move("opacitySlider", 60)
    desk.move("thresholdSlider", 10)


@pytest.mark.parametrize(
    ("measure", "highest"), [("Total uncertainty", 1.0), ("Disagreement of the passes", 1.0), ("Spread of the passes", 0.5)]
)
def test_each_measure_comes_on_its_own_scale(segmented: dict[str, Any], desk: Desk, measure: str, highest: float) -> None:
    desk.choose("measureComboBox", measure)
    stages = desk.wait()
    assert stages["map"][0] == "ready"
    assert measure in stages["map"][1]
    assert desk.map()["window"] == (0.0, highest)
    assert f"{highest:g}" in desk.state("legendHighLabel", "text")


def test_each_regions_map_is_part_of_the_cases(segmented: dict[str, Any], desk: Desk) -> None:
    whole = segmented["map"]["array"]
    maps = []
    for region in ("Whole tumour", "Tumour core", "Enhancing tumour"):
        desk.choose("regionComboBox", region)
        assert desk.wait()["map"][0] == "ready"
        maps.append(desk.map()["array"])
    desk.choose("regionComboBox", "All regions")
    desk.wait()
    np.testing.assert_allclose(np.max(maps, axis=0), whole, atol=2.6e-4)
    assert np.abs(maps[0] - maps[2]).max() > 1e-3, "the regions' maps are all the same"


# --- the places


def test_places_are_listed_worst_first_and_shown_as_points(segmented: dict[str, Any], opened: dict[str, Any]) -> None:
    rows = segmented["places"]
    assert 1 <= len(rows) <= 5
    assert [row[1] for row in rows] == [str(number + 1) for number in range(len(rows))]
    assert all("," in row[2] and 0 < float(row[3]) <= 0.5 and float(row[4]) > 0 for row in rows)
    (points,) = segmented["points"]
    to_index = np.linalg.inv(opened["volumes"][0]["ijk_to_ras"])
    shape = opened["volumes"][0]["array"].shape
    for point in points["points"]:
        index = (to_index @ [*point["ras"], 1.0])[:3]
        assert all(-0.5 <= at < size - 0.5 for at, size in zip(index, reversed(shape), strict=True))


def test_a_click_lets_all_views_show_the_place(segmented: dict[str, Any], desk: Desk) -> None:
    (points,) = segmented["points"]
    last = len(points["points"]) - 1
    desk.click_row("placesTable", last)
    where = points["points"][last]["ras"]
    for view in ("Red", "Green", "Yellow"):
        np.testing.assert_allclose(desk.views()[view]["center"], where, atol=1e-3)
    assert desk.state("placesTable", "selected_row") == last


def test_ticks_count_and_keys_lead_on(segmented: dict[str, Any], desk: Desk) -> None:
    count = len(segmented["places"])
    desk.press_key("Alt+P")
    first = desk.state("placesTable", "selected_row")
    desk.press_key("Alt+C")
    assert desk.rows("placesTable")[first][0] == "x"
    assert f"1 of {count} places checked" in desk.stages()["places"][1] or count == 1
    desk.tick_row("placesTable", first, False)
    assert desk.rows("placesTable")[first][0] == ""


# --- what changed


def test_volumes_are_those_of_the_mask_with_the_interval_of_the_passes(segmented: dict[str, Any], opened: dict[str, Any]) -> None:
    mask = mask_of(segmented["segments"])
    voxel_ml = abs(np.linalg.det(opened["volumes"][0]["ijk_to_ras"][:3, :3])) / 1000
    for row, values in zip(segmented["changes"], REGIONS.values(), strict=True):
        volume = np.isin(mask, values).sum() * voxel_ml
        assert float(row[1]) == pytest.approx(volume, abs=0.006)
        assert (row[3], row[4], row[5]) == (row[1], "+0.00", "1.000")
        low, high = (float(part) for part in row[2].split(" to "))
        assert low <= high


def test_a_stroke_is_counted_by_itself(corrected: dict[str, Any], segmented: dict[str, Any]) -> None:
    before, after = mask_of(segmented["segments"]), mask_of(corrected["segments"])
    np.testing.assert_array_equal(after, np.where(corrected["brush"], LABELS["edema"], before))
    for row, values in zip(corrected["changes"], REGIONS.values(), strict=True):
        ours, theirs = np.isin(after, values), np.isin(before, values)
        assert float(row[5]) == pytest.approx(2 * (ours & theirs).sum() / max(1, ours.sum() + theirs.sum()), abs=6e-4)
        assert float(row[4]) == pytest.approx((int(ours.sum()) - int(theirs.sum())) / 1000, abs=0.006)
    assert corrected["stages"]["submit"] == ("ready", "Not submitted yet.")


# --- submitting


def test_what_is_stored_is_what_was_on_the_screen(
    submitted: dict[str, Any], corrected: dict[str, Any], server: Server, tmp_path: Path
) -> None:
    case_id = submitted["case"]["id"]
    state, text = submitted["stages"]["submit"]
    assert state == "ready"
    assert text.startswith("Stored as version 1. It differs from the mask of the model in")
    answer = server.get("/datastore/label", params={"label": case_id, "tag": "final"})
    (tmp_path / "final.nii.gz").write_bytes(answer.content)
    stored = sitk.ReadImage(str(tmp_path / "final.nii.gz"))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(stored), mask_of(corrected["segments"]))
    image = sitk.ReadImage(str(reference(server, case_id).sequences["t1ce"].path))
    np.testing.assert_allclose(stored.GetOrigin(), image.GetOrigin(), atol=1e-4)
    np.testing.assert_allclose(stored.GetDirection(), image.GetDirection(), atol=1e-5)
    info = server.get("/datastore/label/info", params={"label": case_id, "tag": "final"}).json()
    assert (info["author"], info["comment"], info["model_version"]) == ("ann", "edema was too small", "unet3d untrained-1")
    assert info["places"]["checked"] == 1
    assert submitted["files"] == []


def test_the_panel_counts_the_case_as_done(submitted: dict[str, Any]) -> None:
    assert "2 of 5 cases done" in submitted["stages"]["server"][1]


def test_after_a_submission_an_edit_is_noticed(submitted: dict[str, Any], desk: Desk) -> None:
    brush = np.zeros(submitted["segments"][0]["array"].shape, bool)
    brush[12, 20, 20] = True
    desk.paint("necrosis", brush)
    desk.rest(1.3)
    assert desk.stages()["submit"] == ("ready", "Changed since it was submitted.")


# --- a re-run, and the way back


def test_a_re_run_can_be_undone(submitted: dict[str, Any], desk: Desk) -> None:
    before = mask_of(desk.segments())
    desk.choose("modelComboBox", "resunet2d")
    desk.choose("passesComboBox", "0")
    desk.press("segmentButton")
    stages = desk.wait()
    assert "Your edits were overwritten; Undo brings them back." in stages["mask"][1]
    assert stages["map"] == ("empty", "No map: the mask was asked for without passes.")
    assert desk.map() is None
    assert desk.views()["Red"]["foreground"] is None
    assert "resunet2d untrained-1" in desk.state("versionLabel", "text")
    assert (mask_of(desk.segments()) != before).any()
    desk.press_key("Alt+Z")
    assert desk.wait()["map"][0] == "ready", "the map of the mask from before is back too"
    np.testing.assert_array_equal(mask_of(desk.segments()), before)
    assert "unet3d untrained-1" in desk.state("versionLabel", "text")


def test_cancel_leaves_everything_as_it_was_and_the_server_stops(submitted: dict[str, Any], desk: Desk, server: Server) -> None:
    before, face = mask_of(desk.segments()), desk.stages()["mask"]
    desk.choose("passesComboBox", "50")
    desk.press("segmentButton")
    desk.press("cancelButton")
    stages = desk.wait()
    assert stages["mask"] == face
    np.testing.assert_array_equal(mask_of(desk.segments()), before)
    end = time.monotonic() + 30
    while (queue := server.get("/queue/", params={"client_id": "ann"}).json())["mine"]:
        assert time.monotonic() < end, queue
        time.sleep(0.1)


# --- what is refused


def test_a_segment_that_is_no_tissue_is_named_before_anything_is_sent(submitted: dict[str, Any], desk: Desk) -> None:
    brush = np.zeros(submitted["segments"][0]["array"].shape, bool)
    brush[1, 1, 1:4] = True
    desk.add_segment("cyst", brush)
    desk.press("submitButton")
    state, text = desk.stages()["submit"]
    assert state == "error"
    assert "'cyst' (3 voxels)" in text
    desk.remove_segment("cyst")


def test_going_on_with_edits_is_asked_about(submitted: dict[str, Any], desk: Desk) -> None:
    case = desk.case()
    address = desk.state("serverLineEdit", "text")
    desk.answer_boxes(ok=False)
    desk.press("nextCaseButton")
    desk.wait()
    assert desk.case() == case
    assert "Go on to the next case without them?" in desk.messages()[-1][1]
    desk.type("serverLineEdit", "http://127.0.0.1:9")
    desk.press("connectButton")
    desk.wait()
    assert desk.case() == case
    assert "Go to another server without them?" in desk.messages()[-1][1]
    desk.type("serverLineEdit", address)
    desk.answer_boxes(ok=True)


# --- the next case, and a review


@pytest.fixture(scope="module")
def second(desk: Desk, submitted: dict[str, Any]) -> dict[str, Any]:
    desk.answer_boxes(ok=True)
    desk.press("nextCaseButton")
    desk.wait()
    return {**screen(desk), "nodes": desk.nodes()}


def test_the_next_case_takes_the_place_of_the_one_before(second: dict[str, Any], submitted: dict[str, Any]) -> None:
    assert second["case"]["id"] != submitted["case"]["id"]
    assert all(segment["voxels"] == 0 for segment in second["segments"])
    assert second["points"] == []
    assert second["nodes"].count("vtkMRMLScalarVolumeNode") == 4
    assert second["nodes"].count("vtkMRMLSegmentationNode") == 1
    assert [second["stages"][stage][0] for stage in ("mask", "map", "places", "changes", "submit")] == ["empty"] * 5


def test_review_shows_the_accepted_label(second: dict[str, Any], submitted: dict[str, Any], desk: Desk, server: Server) -> None:
    desk.choose("strategyComboBox", "review")
    desk.press("nextCaseButton")
    stages = desk.wait()
    assert "accepted label, version 1 by" in stages["case"][1]
    case_id = desk.case()["id"]
    desk.rest(1.2)
    assert desk.stages()["submit"] == ("ready", "As it is on the server.")
    assert sum(segment["voxels"] for segment in desk.segments()) > 0
    assert case_id in {case["id"] for case in (submitted["case"],)} | {"Case_000"}


def test_closing_the_scene_empties_the_panel(second: dict[str, Any], desk: Desk) -> None:
    desk.close_scene()
    assert desk.case() is None
    assert desk.stages()["case"][0] == "empty"
    desk.choose("strategyComboBox", "sequential")
    desk.press("nextCaseButton")
    desk.wait()
    assert desk.case() is not None


# --- other desks


def test_a_desk_elsewhere_gets_its_images_over_the_wire(server: Server, open_desk: Callable[..., Desk]) -> None:
    far = open_desk("ben", server.url, hidden_folder=Path(server.studies))
    far.enter()
    far.wait()
    far.choose("strategyComboBox", "random")
    far.press("nextCaseButton")
    far.wait()
    case = reference(server, far.case()["id"])
    assert far.case()["sequences"] == list(case.shown)
    for name, volume in zip(far.case()["sequences"], far.volumes(), strict=True):
        np.testing.assert_array_equal(volume["array"], sitk.GetArrayFromImage(sitk.ReadImage(str(case.sequences[name].path))))
    assert far.files() == []


def test_a_server_that_goes_away_is_told_and_connected_again(server: Server, open_desk: Callable[..., Desk]) -> None:
    lost = open_desk("cem", "http://127.0.0.1:9")
    lost.enter()
    assert lost.wait()["server"][0] == "error"
    with pytest.raises(Refused):
        lost.press("nextCaseButton")
    lost.type("serverLineEdit", server.url)
    lost.press("connectButton")
    assert lost.wait()["server"][0] == "ready"
    lost.type("serverLineEdit", "http://127.0.0.1:9")
    lost.press("connectButton")
    assert lost.wait()["server"][0] == "error"
    with pytest.raises(Refused, match="caseSection"):
        lost.press("nextCaseButton")
    lost.leave()
    assert lost.keys() == []


def test_the_servers_refusal_is_the_stages_error(server: Server, open_desk: Callable[..., Desk]) -> None:
    """A file that is damaged while the case is open: the server's sentence is shown, and the mask that is there stays."""
    unlucky = open_desk("dan", server.url)
    unlucky.enter()
    unlucky.wait()
    unlucky.choose("strategyComboBox", "random")
    unlucky.press("nextCaseButton")
    unlucky.wait()
    flair = reference(server, unlucky.case()["id"]).sequences["flair"].path
    flair.write_bytes(flair.read_bytes()[:200])
    unlucky.press("segmentButton")
    state, text = unlucky.wait()["mask"]
    assert state == "error"
    assert flair.name in text
    assert "color: #C0392B" in unlucky.state("maskStatusLabel", "styleSheet")
    assert unlucky.state("segmentButton", "enabled") is True
