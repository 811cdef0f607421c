"""A real server with logins, and the unmodified client of MONAI Label: from the password to the name in the audit log."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
import requests
from monailabel.client import MONAILabelClient
from monailabel.client.client import MONAILabelClientException
from sqlalchemy import select
from tests.labelserver.conftest import Server, serving, write_small_studies
from tests.labelserver.test_training_server import FOR_EVER, early_weights, studies, trainer_of
from tests.login.provider import password_of
from tests.login.running import RunningProvider, bearer
from tests.login.test_guard import NOWHERE, OPEN
from tests.training.retraining.phantom_site import CRITERIA

from gliolabel.phantoms.phantom import make_phantom
from gliolabel.state import Database, StateFolder
from gliolabel.state.audit import AuditLog
from gliolabel.state.tables import LeaseRow
from gliolabel.studies import open_studies
from gliolabel.studies.writing import write_volume

__all__ = ["early_weights", "studies"]  # fixtures

pytestmark = pytest.mark.slow

#: What everybody's Slicer calls itself until somebody changes it.
CLIENT = "user-xyz"


@pytest.fixture(scope="module")
def server(provider: RunningProvider, tmp_path_factory: pytest.TempPathFactory, small_weights: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("logins")
    with serving(folder, small_weights) as start:
        yield start(write_small_studies(folder / "studies", cases=6), env=provider.environment())


def log_in(server: Server, user: str, *, client_id: str = CLIENT) -> MONAILabelClient:
    """As the plugin does it."""
    client = server.client(client_id)
    assert client.auth_enabled()
    client.update_auth(client.auth_token(user, password_of(user)))
    assert client.auth_valid_token()
    return client


def as_slicer_downloads(server: Server, image: str, **headers: str) -> bytes:
    """The plugin leaves the download to Slicer, which sends no token."""
    request = urllib.request.Request(f"{server.url}/datastore/image?image={quote_plus(image)}", headers=headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return bytes(answer.read())


def label_for(server: Server, case_id: str, folder: Path) -> Path:
    grid = open_studies(server.studies).get(case_id).grid()
    write_volume(make_phantom(shape=grid.size[::-1], seed=(7, 0)).labels, grid, folder / "label.nrrd")
    return folder / "label.nrrd"


def holders(server: Server) -> dict[str, str]:
    """Who has which case."""
    database = Database(StateFolder(server.state))
    with database.reading() as session:
        found = {row.case_id: row.holder for row in session.scalars(select(LeaseRow).where(LeaseRow.expires > time.time()))}
    database.close()
    return found


def submissions(server: Server, case_id: str) -> list[Any]:
    database = Database(StateFolder(server.state))
    found = AuditLog(database).entries(event="submission", case_id=case_id)
    database.close()
    return found


def status_of(error: BaseException) -> tuple[int, str]:
    assert isinstance(error, MONAILabelClientException)
    message = str(error.msg)  # not every call of the client keeps the status apart
    return int(message.split("Status: ")[1].split(";")[0]), message


def test_a_readers_day_under_their_own_name(server: Server, tmp_path: Path) -> None:
    client = log_in(server, "ann", client_id="somebody-else")
    assert next(iter(client.info()["models"])) == "unet3d"
    case_id = client.next_sample("sequential", {})["id"]
    content = as_slicer_downloads(server, case_id)
    assert content == (server.studies / case_id / f"{case_id}_t1ce.nii.gz").read_bytes()
    mask, params = client.infer("unet3d", case_id, {"result_extension": ".nrrd", "passes": 0})
    assert Path(mask).stat().st_size > 0
    assert params["model"] == "unet3d"
    reply = client.save_label(case_id, str(label_for(server, case_id, tmp_path)), params={"label_info": [], "user": "chief"})
    assert reply["version"] == 1
    (entry,) = submissions(server, case_id)
    assert entry.actor == "ann"
    info = requests.get(f"{server.url}/datastore/label/versions?label={case_id}", headers=client._headers, timeout=60).json()
    assert [version["author"] for version in info if version["tag"] == "final"] == ["ann"]
    assert case_id not in holders(server)


def test_cases_are_leased_to_users_and_not_to_client_ids(server: Server) -> None:
    """Everybody calls their client the same, sits behind the same address, and one of them moves to another machine."""
    ann, ben = log_in(server, "ann"), log_in(server, "ben")
    first, second = ann.next_sample("sequential", {})["id"], ben.next_sample("sequential", {})["id"]
    assert first != second
    held = holders(server)
    assert (held[first], held[second]) == ("user ann", "user ben")
    elsewhere = log_in(server, "ann", client_id="another-machine")
    third = elsewhere.next_sample("sequential", {})["id"]
    assert third not in (first, second)
    held = holders(server)
    assert [case for case, holder in held.items() if holder == "user ann"] == [third], "what ann had before is free again"
    assert held[second] == "user ben"


def test_without_a_token_only_the_image_of_next_sample(server: Server) -> None:
    case_id = log_in(server, "ann").next_sample("sequential", {})["id"]
    never_offered = "Case_005"
    assert as_slicer_downloads(server, case_id)
    # What this machine says about others is believed only if it is a known proxy.
    for image, headers in [
        (never_offered, {}),
        (case_id, {"X-Forwarded-For": "203.0.113.5"}),
        (case_id, {"X-Forwarded-For": "127.0.0.1"}),
    ]:
        with pytest.raises(urllib.error.HTTPError) as error:
            as_slicer_downloads(server, image, **headers)
        assert error.value.code == 401


def test_what_the_client_is_told(server: Server, provider: RunningProvider) -> None:
    client = server.client(CLIENT)
    with pytest.raises(MONAILabelClientException) as wrong:
        client.auth_token("ann", "wrong")
    assert status_of(wrong.value)[0] == 401
    assert "Check user name and password" in status_of(wrong.value)[1]
    with pytest.raises(MONAILabelClientException) as nobody:
        client.info()
    assert status_of(nobody.value)[0] == 401
    assert "asks for a login" in status_of(nobody.value)[1]
    client.update_auth({"token_type": "bearer", "access_token": provider.sign(exp=1)})
    assert not client.auth_valid_token()
    with pytest.raises(MONAILabelClientException) as expired:
        client.info()
    assert "expired" in status_of(expired.value)[1]
    with pytest.raises(MONAILabelClientException) as viewer:
        log_in(server, "vera").train_start("unet3d", {})
    assert status_of(viewer.value)[0] == 403
    assert "monailabel-annotator" in status_of(viewer.value)[1]


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/", "/favicon.ico", "/static/favicon.ico"])
def test_pages_that_hold_nobodys_data_are_open(server: Server, path: str) -> None:
    assert server.get(path).status_code in (200, 404)


def test_nothing_else_is(server: Server) -> None:
    paths = server.get("/openapi.json").json()["paths"]
    asked = {
        (method, path): requests.request(method, server.url + path.replace("{", "").replace("}", ""), timeout=60).status_code
        for path, methods in paths.items()
        for method in methods
        if f"{method.upper()} {path}" not in OPEN and (method.upper(), path) not in NOWHERE
    }
    assert {call: status for call, status in asked.items() if status != 401} == {}
    assert len(asked) > 30


def test_keys_are_rotated_and_nobody_notices(server: Server, provider: RunningProvider) -> None:
    ann = log_in(server, "ann")
    for _ in range(3):
        provider.rotate()
        assert log_in(server, "ben").info()
    assert not requests.get(f"{server.url}/info/", headers=ann._headers, timeout=60).ok, "its key was withdrawn"


def test_a_training_is_its_users_and_nobody_elses(
    provider: RunningProvider, tmp_path: Path, early_weights: Path, studies: Path, request: pytest.FixtureRequest
) -> None:
    (tmp_path / "criteria.yaml").write_text(CRITERIA)
    with serving(tmp_path, early_weights) as start:
        server = start(studies, conf={"gate": str(tmp_path / "criteria.yaml")}, env=provider.environment())
        ann, ben, chief = log_in(server, "ann"), log_in(server, "ben"), log_in(server, "chief")
        run = ann.train_start("unet3d", {"epochs": FOR_EVER, "learning_rate": 0.01, "client_id": "ben"})
        assert run["owner"] == "ann"
        for other in (ben, log_in(server, "vera")):
            with pytest.raises(MONAILabelClientException) as refused:
                other.train_stop()
            assert status_of(refused.value)[0] in (409, 403)
        assert requests.delete(f"{server.url}/train/?client_id=ann&as_administrator=true", timeout=60).status_code == 401
        assert requests.delete(f"{server.url}/train/?client_id=ann", headers=ben._headers, timeout=60).status_code == 409
        assert trainer_of(server).is_running()
        assert chief.train_stop()["status"] == "STOPPED"
        database = Database(StateFolder(server.state))
        (started,) = AuditLog(database).entries(event="training started")
        assert started.actor == "ann"
        database.close()


def test_a_provider_that_is_away_lets_nobody_in(tmp_path: Path, small_weights: Path) -> None:
    """The server starts, says so, and lets people in as soon as the provider is back."""
    away = RunningProvider(tmp_path)
    good = away.sign()
    away.stop()
    with serving(tmp_path, small_weights) as start:
        server = start(write_small_studies(tmp_path / "studies", cases=2), env=away.environment())
        for answer in (
            server.get("/info/", headers=bearer(good)),
            server.post("/auth/token", data={"username": "ann", "password": password_of("ann"), "grant_type": "password"}),
        ):
            assert answer.status_code == 503
            assert f"login provider {away.realm} is not available" in answer.json()["detail"]
        assert server.get("/info/").status_code == 401
        assert f"login provider {away.realm}" in server.log.read_text()
        away.start()
        try:
            time.sleep(2.5)  # one that did not answer is not asked again for two seconds
            assert log_in(server, "ann").info()
        finally:
            away.stop()
