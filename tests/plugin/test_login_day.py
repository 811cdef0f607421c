"""The unmodified plugin and a server with logins: the box, a wrong password, a token that expires, and a case from first to last."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import requests
from harness.remote import Desk, ErrorShown
from live import compare
from live.server import Server
from live.study import Study
from tests.login.provider import password_of
from tests.login.running import RunningProvider, bearer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

#: What Slicer's settings call everybody.
CLIENT = "user-xyz"


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProvider]:
    running = RunningProvider(tmp_path_factory.mktemp("provider"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def server(study: Study, provider: RunningProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(studies=study.folder, folder=tmp_path_factory.mktemp("guarded"), env=provider.environment())
    yield running
    running.stop()


@pytest.fixture(scope="module")
def desk(server: Server, study: Study, open_desk: Callable[..., Desk]) -> Desk:
    """A desk on another machine: every image is downloaded, by Slicer and without a token."""
    return open_desk(CLIENT, server.url, hidden_folder=study.folder)


def test_a_wrong_password_is_told_and_asked_for_again(desk: Desk) -> None:
    desk.log_in_as("ann", "wrong")
    with pytest.raises(ErrorShown, match="Failed to fetch models"):
        desk.press("fetchServerInfoButton")
    desk.log_in_as("ann", password_of("ann"))
    desk.press("fetchServerInfoButton")
    assert len(desk.login_boxes()) >= 2
    assert desk.offers("segmentationModelSelector")[0] == "unet3d"


def test_a_case_from_first_to_last(desk: Desk, server: Server, study: Study, provider: RunningProvider) -> None:
    asked = len(desk.login_boxes())
    desk.press("nextSampleButton")
    sample = desk.sample()
    assert sample is not None
    assert sample["name"] in desk.download_cache()
    case = study.truth[sample["id"]]
    volume = desk.volume()
    np.testing.assert_array_equal(volume["array"], compare.voxels(case.sequences[case.reference].path))
    provider.rotate()  # in the middle of it
    desk.set_option("infer", "unet3d", "passes", "0")
    desk.choose("segmentationModelSelector", "unet3d")
    desk.press("segmentationButton")
    assert [segment["name"] for segment in desk.segments()] == ["necrosis", "edema", "enhancing tumor"]
    desk.paint("edema", compare.brush(volume, center=tuple(size // 2 for size in volume["array"].shape), radius_mm=6))
    assert [box.kind for box in desk.press("saveLabelButton")] == ["info"]
    assert len(desk.login_boxes()) == asked, "who is logged in is not asked again"
    versions = requests.get(
        f"{server.url}/datastore/label/versions", params={"label": sample["id"]}, headers=bearer(provider.token("chief")), timeout=60
    ).json()
    assert [version["author"] for version in versions if version["tag"] == "final"] == ["ann"]


def test_an_expired_token_is_renewed_without_a_box(desk: Desk, provider: RunningProvider) -> None:
    """A token whose key was withdrawn is as good as an expired one."""
    asked = len(desk.login_boxes())
    provider.rotate()
    provider.rotate()
    desk.press("nextSampleButton")
    desk.press("nextSampleButton")
    assert desk.sample() is not None
    assert len(desk.login_boxes()) == asked


def test_a_viewer_is_told_what_is_missing(server: Server, study: Study, open_desk: Callable[..., Desk], tmp_path: Path) -> None:
    viewer = open_desk("viewer", server.url, hidden_folder=study.folder)
    viewer.log_in_as("vera", password_of("vera"))
    viewer.press("fetchServerInfoButton")
    viewer.press("nextSampleButton")
    volume = viewer.volume()
    viewer.paint("edema", compare.brush(volume, center=tuple(size // 2 for size in volume["array"].shape), radius_mm=6))
    with pytest.raises(ErrorShown, match="monailabel-annotator"):
        viewer.press("saveLabelButton")
