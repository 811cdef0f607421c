"""The server is killed (SIGKILL) at random moments of submitting: it starts clean, and what it confirmed is there."""

from __future__ import annotations

import itertools
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from monailabel.client.client import MONAILabelClientException
from tests.labelserver.conftest import Server, wait_until, write_small_studies
from tests.labelserver.readers import INFO, Job, Reader, Stored, array_of_row, edema, unexplained_files

from gliolabel.registry import Registry
from gliolabel.state import Database, StateFolder
from gliolabel.state.files import file_sha256
from gliolabel.state.roles import Roles

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

#: How often it is killed for each seed.
KILLS = 5
#: Within so many seconds after both readers were answered once; a submission takes some tenths of one.
WITHIN_S = 1.5
CASES = 4


class Segmenting(threading.Thread):
    """A reader who asks for masks with their maps until nobody answers any more."""

    def __init__(self, server: Server) -> None:
        super().__init__(name="eve", daemon=True)
        self.client = server.client("eve")

    def run(self) -> None:
        for number in itertools.count():
            try:
                self.client.infer("unet3d", f"Case_{number % CASES:03d}", {"passes": 1, "seed": number, "client_id": "eve"})
            except (MONAILabelClientException, OSError, requests.RequestException):
                return


class Submissions:
    """All that was sent over all starts of the server; a label is told by its number of voxels."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self.sent: dict[int, tuple[str, str]] = {}
        self.confirmed: dict[int, dict[str, Any]] = {}

    def jobs(self, server: Server, name: str) -> Iterator[Job]:
        """Jobs for a reader, without end."""
        while True:
            with self._lock:
                number = next(self._numbers)
            case_id = f"Case_{number % CASES:03d}"
            self.sent[number] = (name, case_id)
            yield Job(number, case_id, edema(server, case_id, number, self._folder / f"{number}.nrrd"))

    def check(self, server: Server) -> int:
        """See that all that was confirmed is stored, and everything else whole or not at all. Returns how many are stored."""
        stored = Stored.of(server)
        stored.check(server)
        rows = stored.by_number
        assert set(self.confirmed) <= set(rows) <= set(self.sent)
        for number, row in rows.items():
            assert (row.author, row.case_id, row.tag) == (*self.sent[number], "final")
            assert int((array_of_row(server, row) == 2).sum()) == number
        for number, reply in self.confirmed.items():
            assert (reply["version"], reply["correction"]) == (rows[number].version, rows[number].info["correction"])
        for case_id in {row.case_id for row in rows.values()}:
            newest = max((row for row in rows.values() if row.case_id == case_id), key=lambda row: row.version)
            info = server.get("/datastore/label/info", params={"label": case_id, "tag": "final"}).json()
            assert (info["version"], info["comment"]) == (newest.version, newest.info["comment"])
        return len(rows)


def roles_of(server: Server) -> dict[str, str]:
    database = Database(StateFolder(server.state))
    with database.reading() as session:
        assert session.connection().exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    found = {case_id: row.role for case_id, row in Roles(database).all().items()}
    database.close()
    return found


@pytest.mark.parametrize("seed", [3, 4])
def test_a_server_that_is_killed_while_labels_are_submitted(
    seed: int, serve: Callable[..., Server], tmp_path: Path, small_weights: Path
) -> None:
    moments = random.Random(seed)
    (tmp_path / "labels").mkdir()
    studies = write_small_studies(tmp_path / "studies", cases=CASES)
    submissions, roles, in_flight = Submissions(tmp_path / "labels"), dict[str, str](), 0
    weights = file_sha256(small_weights / "unet3d.safetensors")
    for _ in range(KILLS):
        server = serve(studies)
        submissions.check(server)
        assert unexplained_files(server) == set()
        assert "Traceback" not in server.log.read_text()
        for name in ("ann", "bob"):
            server.client(name).infer("unet3d", "Case_001", {"passes": 0, "client_id": name})
        readers = [Reader(server, name, submissions.jobs(server, name)) for name in ("ann", "bob")]
        others = Segmenting(server)
        for thread in (*readers, others):
            thread.start()
        wait_until(lambda readers=readers: all(reader.replies for reader in readers))
        time.sleep(moments.uniform(0, WITHIN_S))
        server.process.send_signal(signal.SIGKILL)
        server.process.wait(20)
        for thread in (*readers, others):
            thread.join(60)
            assert not thread.is_alive()
        for reader in readers:
            submissions.confirmed |= reader.replies
            in_flight += len(reader.errors)
        # What a case is for does not change, however often the server dies.
        found = roles_of(server)
        assert {case_id: found[case_id] for case_id in roles} == roles
        roles = found
    assert in_flight == 2 * KILLS
    server = serve(studies)
    stored = submissions.check(server)
    assert unexplained_files(server) == set()
    assert len(submissions.confirmed) <= stored <= len(submissions.confirmed) + in_flight
    champion = Registry(state=StateFolder(server.state)).champion("unet3d")
    assert (champion.version, champion.sha256()) == ("untrained-1", weights)
    # It goes on as if nothing had been.
    case_id = "Case_002"
    newest = server.get("/datastore/label/info", params={"label": case_id, "tag": "final"}).json()
    reply = server.client().save_label(case_id, str(edema(server, case_id, 5, tmp_path / "last.nrrd")), params={"label_info": INFO})
    assert reply["version"] == newest["version"] + 1
