"""The module at a server with logins: asked for, wrong, right, taken from MONAI Label's own module, renewed; and a reader who may not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from harness.remote import Desk
from tests.labelserver.conftest import Server, serving, write_small_studies
from tests.login.provider import password_of
from tests.login.running import RunningProvider, bearer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProvider]:
    running = RunningProvider(tmp_path_factory.mktemp("provider"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def guarded(provider: RunningProvider, small_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("guarded")
    with serving(folder, small_weights) as start:
        yield start(write_small_studies(folder / "studies", cases=3), env=provider.environment())


def log_in(desk: Desk, name: str, password: str) -> dict[str, tuple[str, str]]:
    desk.type("userNameLineEdit", name)
    desk.type("passwordLineEdit", password)
    desk.press("loginButton")
    assert desk.state("passwordLineEdit", "text") == "", "the password does not stay in the field"
    stages: dict[str, tuple[str, str]] = desk.wait()
    return stages


@pytest.fixture(scope="module")
def desk(guarded: Server, open_desk: Callable[..., Desk]) -> Desk:
    """On another machine: every image comes over the wire, with the token."""
    return open_desk("user-xyz", guarded.url, hidden_folder=Path(guarded.studies))


def test_a_login_is_asked_for_and_a_wrong_password_is_told(desk: Desk) -> None:
    desk.enter()
    assert desk.wait()["server"][0] == "error"
    assert desk.state("loginBox", "hidden") is False
    assert log_in(desk, "ann", "wrong")["server"][0] == "error"
    assert desk.state("loginBox", "hidden") is False
    stages = log_in(desk, "ann", password_of("ann"))
    assert stages["server"][0] == "ready"
    assert "as ann" in stages["server"][1]
    assert desk.state("loginBox", "hidden") is True


def test_a_case_from_first_to_last_while_the_keys_change(desk: Desk, guarded: Server, provider: RunningProvider) -> None:
    desk.choose("strategyComboBox", "sequential")
    desk.press("nextCaseButton")
    desk.wait()
    provider.rotate()
    provider.rotate()  # the token is worth nothing now
    desk.choose("passesComboBox", "0")
    desk.press("segmentButton")
    assert desk.wait()["mask"][0] == "ready"
    brush = np.zeros(desk.segments()[0]["array"].shape, bool)
    brush[4:8, 6:12, 6:12] = True
    desk.paint("edema", brush)
    desk.press("submitButton")
    assert desk.wait()["submit"][0] == "ready"
    query = {"label": desk.case()["id"]}
    (version,) = guarded.get("/datastore/label/versions", params=query, headers=bearer(provider.token("chief"))).json()
    assert version["author"] == "ann", "who logged in, and not the client id"


def test_the_login_of_monai_labels_module_is_used(guarded: Server, open_desk: Callable[..., Desk]) -> None:
    beside = open_desk("user-abc", guarded.url)
    beside.pretend_plugin_login("ann", password_of("ann"))
    beside.enter()
    stages = beside.wait()
    assert stages["server"][0] == "ready"
    assert "as ann" in stages["server"][1]


def test_a_viewer_is_told_what_is_missing(guarded: Server, open_desk: Callable[..., Desk]) -> None:
    viewer = open_desk("viewer", guarded.url)
    viewer.enter()
    viewer.wait()
    log_in(viewer, "vera", password_of("vera"))
    viewer.press("nextCaseButton")
    viewer.wait()
    viewer.press("submitButton")
    state, text = viewer.wait()["submit"]
    assert state == "error"
    assert "monailabel-annotator" in text
