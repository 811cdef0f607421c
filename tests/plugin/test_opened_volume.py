"""A volume that a reader opens in Slicer: sent by session, segmented as a one-sequence case, and not kept until it is submitted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from harness.remote import Desk, ErrorShown
from live import compare
from live.server import Server
from live.study import Study

from gliolabel.vocabulary import LABELS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # half a minute when the machine has nothing else to do

#: A name as scanners give them.
NODE = "7: ax FLAIR"


def count(server: Server) -> int:
    return int(server.get("/info/").json()["datastore"]["total"])


def flair(study: Study) -> Path:
    return study.truth[study.done].sequences["flair"].path


@pytest.fixture(scope="module")
def by_name(server: Server, study: Study, open_desk: Callable[..., Desk]) -> dict[str, Any]:
    """The node's name tells the sequence: nothing to set."""
    desk = open_desk("reader-with-own-files", server.url)
    desk.press("fetchServerInfoButton")
    before = count(server)
    desk.open_volume(str(flair(study)), NODE)
    desk.set_option("infer", "unet3d", "passes", "0")
    desk.choose("segmentationModelSelector", "unet3d")
    boxes = desk.press("segmentationButton")
    return {
        "desk": desk,
        "sample": desk.sample(),
        "segments": desk.segments(),
        "received": desk.received(),
        "volume": desk.volume(),
        "boxes": boxes,
        "cases": (before, count(server)),
    }


def test_the_volume_goes_by_session_and_is_not_stored(by_name: dict[str, Any]) -> None:
    assert [box.kind for box in by_name["boxes"]] == ["question"], "the plugin asks before it sends a volume"
    assert by_name["sample"]["session"] is True
    assert by_name["sample"]["session_id"]
    assert by_name["cases"][0] == by_name["cases"][1], "running on an opened volume added a case"


def test_the_mask_lies_on_the_opened_volume(by_name: dict[str, Any], study: Study) -> None:
    result = compare.voxels(Path(by_name["received"]["file"]))
    assert result.shape == by_name["volume"]["array"].shape
    for segment in by_name["segments"]:
        np.testing.assert_array_equal(segment["array"], result == LABELS[segment["name"]])
    whole = compare.region_dice(compare.scene_mask(by_name["segments"]), study.label(study.done))["WT"]
    assert whole >= 0.5, f"whole tumour from FLAIR alone: Dice {whole}"


def test_the_answer_names_what_was_missing(by_name: dict[str, Any]) -> None:
    warnings = " ".join(by_name["received"]["params"]["warnings"])
    assert all(name in warnings for name in ("t1", "t1ce", "t2")), warnings


@pytest.fixture(scope="module")
def kept(by_name: dict[str, Any], server: Server) -> dict[str, Any]:
    """Submitting keeps it: the plugin uploads the volume under its node name and then the label for that name."""
    desk, volume = by_name["desk"], by_name["volume"]
    center = tuple(size // 2 for size in volume["array"].shape)
    desk.paint("necrosis", compare.brush(volume, center=center, radius_mm=6))
    boxes = desk.press("saveLabelButton")
    return {"boxes": boxes, "segments": desk.segments(), "cases": count(server)}


def test_submitting_keeps_volume_and_label(kept: dict[str, Any], by_name: dict[str, Any], server: Server, tmp_path: Path) -> None:
    assert [box.kind for box in kept["boxes"]] == ["question", "info"]
    assert kept["cases"] == by_name["cases"][1] + 1
    stored = server.label(NODE, "final", tmp_path)
    np.testing.assert_array_equal(compare.voxels(stored), compare.scene_mask(kept["segments"]))
    np.testing.assert_allclose(compare.ijk_to_ras(stored), by_name["volume"]["ijk_to_ras"], atol=1e-4)
    image = tmp_path / "image.nii.gz"
    image.write_bytes(server.get("/datastore/image", image=NODE).content)
    np.testing.assert_array_equal(compare.voxels(image), by_name["volume"]["array"])


def test_a_name_that_does_not_tell_the_sequence_is_asked_about(server: Server, study: Study, open_desk: Callable[..., Desk]) -> None:
    """The error box says which option to set, and setting it in the Options table helps."""
    desk = open_desk("reader-with-odd-names", server.url)
    desk.press("fetchServerInfoButton")
    desk.open_volume(str(flair(study)), "image 3")
    desk.set_option("infer", "unet3d", "passes", "0")
    desk.choose("segmentationModelSelector", "unet3d")
    with pytest.raises(ErrorShown) as shown:
        desk.press("segmentationButton")
    assert "422" in shown.value.text
    assert "sequence" in shown.value.text
    assert desk.wait_cursors() == 0

    desk.set_option("infer", "unet3d", "sequence", "flair")
    desk.press("segmentationButton")
    assert sum(s["voxels"] for s in desk.segments()) > 0
