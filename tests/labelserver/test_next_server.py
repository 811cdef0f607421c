"""Next Sample on a real server: who gets which case, and why."""

from __future__ import annotations

import http.client
import json
import re
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete
from tests.labelserver.conftest import Server, serving, wait_until, write_small_studies

from gliolabel.phantoms.phantom import make_phantom
from gliolabel.state import Database, StateFolder
from gliolabel.state.tables import LeaseRow
from gliolabel.studies import open_studies
from gliolabel.studies.writing import write_volume

Serve = Callable[..., Server]
NO_SCORING = {"MONAI_LABEL_AUTO_UPDATE_SCORING": "false"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, small_weights: Path) -> Any:
    folder = tmp_path_factory.mktemp("next")
    with serving(folder, small_weights) as start:
        yield start(write_small_studies(folder / "studies", cases=8, labelled=1), env=NO_SCORING, conf={"lease_minutes": "60"})


@pytest.fixture(autouse=True)
def _nobody_has_a_case(server: Server) -> None:
    database = Database(StateFolder(server.state))
    with database.writing() as session:
        session.execute(delete(LeaseRow))
    database.close()


def ask(server: Server, reader: str, strategy: str = "sequential") -> dict[str, Any]:
    return server.client(reader).next_sample(strategy, {})


def submit(server: Server, case_id: str, reader: str, tmp_path: Path) -> None:
    grid = open_studies(server.studies).get(case_id).grid()
    label = make_phantom(shape=grid.size[::-1], seed=(7, 0)).labels
    file = tmp_path / "label.nii.gz"
    write_volume(label, grid, file)
    server.client(reader).save_label(case_id, str(file), params={"label_info": [], "client_id": reader})


def test_strategies_are_offered_the_default_first(server: Server) -> None:
    offered = server.client().info()["strategies"]
    assert list(offered) == ["most_uncertain", "stratified_random", "random", "sequential", "review"]
    assert all(entry["description"] for entry in offered.values())


def test_readers_who_ask_at_once_get_different_cases(server: Server) -> None:
    found: list[str] = []
    readers = [threading.Thread(target=lambda i=i: found.append(ask(server, f"once-{i}", "random")["id"])) for i in range(7)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert sorted(found) == [f"Case_{number:03d}" for number in range(1, 8)]
    # All are out: one more reader is told so and given the one that is out longest.
    late = ask(server, "late", "random")
    assert late["id"] in found
    assert "another reader" in late["reason"]


@pytest.mark.parametrize("strategy", ["most_uncertain", "stratified_random", "random", "sequential"])
def test_asking_again_gives_back_and_goes_on(server: Server, strategy: str) -> None:
    reader, other = f"{strategy}-ann", f"{strategy}-bob"
    first, second = ask(server, reader, strategy), ask(server, reader, strategy)
    assert first["id"] != second["id"]
    assert first["reason"]
    seen = {ask(server, other, "sequential")["id"] for _ in range(6)}
    assert first["id"] in seen, "it is free again"
    assert second["id"] not in seen, "another has it"


def ask_from(server: Server, address: str, client_id: str, **params: str) -> str:
    """The id offered to a client at another address of this machine."""
    host, port = server.url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=60, source_address=(address, 0))
    body = json.dumps({"client_id": client_id, **params})
    connection.request("POST", "/activelearning/sequential", body=body, headers={"Content-Type": "application/json"})
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return str(answer["id"])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux answers at every address of the loopback network")
def test_everybodys_default_id_is_told_apart_by_address(server: Server) -> None:
    first = ask_from(server, "127.0.0.1", "user-xyz")
    second = ask_from(server, "127.0.0.2", "user-xyz")
    # A parameter does not make anybody another one.
    third = ask_from(server, "127.0.0.3", "user-xyz", holder="user-xyz at 127.0.0.1")
    assert len({first, second, third}) == 3
    assert first not in {ask_from(server, "127.0.0.4", "user-xyz") for _ in range(3)}


def test_review_offers_completed_cases_and_a_reviewed_one_goes_last(server: Server, tmp_path: Path) -> None:
    taken = ask(server, "ann")["id"]
    submit(server, taken, "ann", tmp_path)
    assert taken not in {ask(server, "eve", "sequential")["id"] for _ in range(8)}, "it is done"
    first = ask(server, "rex", "review")
    assert first["id"] in ("Case_000", taken)
    assert "compared" in first["reason"]
    submit(server, first["id"], "rex", tmp_path)
    info = server.get("/datastore/label/info", params={"label": first["id"], "tag": "final"}).json()
    assert info["reviewed"] is True
    second = ask(server, "ida", "review")
    assert {first["id"], second["id"]} == {"Case_000", taken}
    assert "reviewed before" not in second["reason"]


@pytest.mark.slow
def test_a_lease_expires_and_outlives_a_restart(serve: Serve, tmp_path: Path) -> None:
    studies = write_small_studies(tmp_path / "studies", cases=3)
    first = serve(studies, env=NO_SCORING, conf={"lease_minutes": "0.1"})
    assert ask(first, "ann")["id"] == "Case_000"
    assert ask(first, "bob")["id"] == "Case_001"
    wait_until(lambda: ask(first, f"cid-{time.monotonic()}")["id"] == "Case_000", seconds=30)
    first.stop()
    second = serve(studies, env=NO_SCORING)
    held = ask(second, "dan")["id"]
    second.process.kill()
    second.process.wait(30)
    third = serve(studies, env=NO_SCORING)
    assert ask(third, "eve")["id"] != held
    assert ask(third, "dan")["id"] != held, "a reader who asks again gets another"


def test_the_list_has_what_changed_and_only_that(server: Server) -> None:
    before = server.get("/datastore/?output=all")
    assert before.content == server.get("/datastore/?output=all").content
    sample = ask(server, "lis", "random")
    after = server.get("/datastore/?output=all").json()["objects"]
    old = json.loads(before.content)["objects"]
    assert list(after) == list(old)
    assert [case_id for case_id in old if old[case_id] != after[case_id]] == [sample["id"]]
    assert after[sample["id"]]["image"]["info"]["strategy"]["random"]["client_id"] == "lis"
    stats = server.get("/datastore/").json()
    assert stats["total"] == len(after)
    assert stats["completed"] == sum("final" in entry["labels"] for entry in after.values())
    assert re.match(r".*/Case_\d+_t1ce\.nii\.gz$", server.get("/datastore/?output=train").json()[0]["image"])


def test_a_case_that_cannot_be_read_is_passed_over(server: Server) -> None:
    path = server.studies / "Case_001" / "Case_001_t1ce.nii.gz"
    content = path.read_bytes()
    path.write_bytes(b"")
    try:
        offered = {ask(server, "passing-ann")["id"] for _ in range(6)}
    finally:
        path.write_bytes(content)
    # Found by the request itself, or by a look at the study folder that came first.
    assert offered == {f"Case_{number:03d}" for number in range(2, 8)}
