"""A desk that does not share the server's disk: the image comes over HTTP, through Slicer's download cache."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from harness.remote import Desk
from live import compare
from live.server import Server
from live.study import Study

from gliolabel.vocabulary import LABELS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # half a minute when the machine has nothing else to do


@pytest.fixture(scope="module")
def desk(server: Server, study: Study, open_desk: Callable[..., Desk]) -> Desk:
    desk = open_desk("reader-far-away", server.url, hidden_folder=study.folder)
    desk.press("fetchServerInfoButton")
    return desk


@pytest.fixture(scope="module")
def downloaded(desk: Desk) -> dict[str, Any]:
    desk.press("nextSampleButton")
    return {"sample": desk.sample(), "volume": desk.volume(), "cache": desk.download_cache()}


def test_the_image_is_downloaded_under_its_unique_name(downloaded: dict[str, Any], study: Study) -> None:
    sample = downloaded["sample"]
    assert sample["name"] in downloaded["cache"]
    assert sample["id"] in sample["name"], "a name that another case could have too would show the wrong image"
    assert sample["checksum"].startswith("SHA256:")
    case = study.truth[sample["id"]]
    reference = case.sequences[case.reference].path
    np.testing.assert_array_equal(downloaded["volume"]["array"], compare.voxels(reference))
    np.testing.assert_allclose(downloaded["volume"]["ijk_to_ras"], compare.ijk_to_ras(reference), atol=1e-4)


def test_a_stale_file_in_the_cache_is_not_shown(
    downloaded: dict[str, Any], server: Server, study: Study, open_desk: Callable[..., Desk], tmp_path: Path
) -> None:
    """Slicer takes a cached file of the same name unless a checksum tells it otherwise."""
    other = open_desk("reader-with-a-past", server.url, hidden_folder=study.folder)
    other.press("fetchServerInfoButton")
    other.press("nextSampleButton")
    first = other.sample()
    other.spoil_download(first["name"])
    for _ in study.open_ids:  # until the case comes round again
        other.press("nextSampleButton")
        if other.sample()["id"] == first["id"]:
            break
    assert other.sample()["id"] == first["id"], "the case was not offered again although it was not submitted"
    case = study.truth[first["id"]]
    np.testing.assert_array_equal(other.volume()["array"], compare.voxels(case.sequences[case.reference].path))


def test_a_mask_painted_by_hand_is_stored(downloaded: dict[str, Any], desk: Desk, server: Server, tmp_path: Path) -> None:
    """No model was run: three empty segments, one of them painted."""
    volume = desk.volume()
    center = tuple(size // 2 for size in volume["array"].shape)
    brush = compare.brush(volume, center=center, radius_mm=6)
    desk.paint("enhancing tumor", brush)
    assert [(s["name"], s["voxels"]) for s in desk.segments()] == [("necrosis", 0), ("edema", 0), ("enhancing tumor", int(brush.sum()))]
    boxes = desk.press("saveLabelButton")
    assert [box.kind for box in boxes] == ["info"]
    stored = compare.voxels(server.label(downloaded["sample"]["id"], "final", tmp_path))
    np.testing.assert_array_equal(stored, brush.astype(np.uint8) * LABELS["enhancing tumor"])
