"""Submitting to a state folder on a disk that is full, or can only be read: a clear answer, nothing half stored, and it goes on later."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import requests
from tests.disks import fill, read_only, small_disk
from tests.labelserver.conftest import Server, serving, write_small_studies
from tests.labelserver.readers import INFO, Stored, array_of_row, unexplained_files, write_label

pytestmark = pytest.mark.slow

CASE = "Case_001"


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A disk of 24 MiB with the folder of a server."""
    with small_disk(tmp_path_factory.mktemp("mounted") / "disk", kib=24 * 1024) as folder:
        yield folder


@pytest.fixture(scope="module")
def server(disk: Path, tmp_path_factory: pytest.TempPathFactory, small_weights: Path) -> Iterator[Server]:
    """A server whose state folder lies on that disk. What is uploaded passes through the disk's folder ``tmp``."""
    studies = write_small_studies(tmp_path_factory.mktemp("disks") / "studies", cases=3)
    (disk / "tmp").mkdir()
    with serving(disk, small_weights) as start:
        yield start(studies, env={"TMPDIR": str(disk / "tmp")})


def noisy(server: Server, path: Path, *, seed: int) -> tuple[Path, np.ndarray]:
    """A label that no compression makes small: some 10 KiB."""
    array = np.random.default_rng(seed).integers(0, 4, (24, 40, 40)).astype(np.uint8)
    return write_label(server, CASE, array, path), array


def put(server: Server, path: Path) -> requests.Response:
    params = json.dumps({"label_info": INFO, "client_id": "ann", "comment": path.name.split(".")[0]})
    with path.open("rb") as stream:
        return server.put(f"/datastore/label?image={CASE}", data={"params": params}, files={"label": (path.name, stream)})


def test_a_disk_with_ever_less_room(server: Server, disk: Path, tmp_path: Path) -> None:
    answers, sent = {}, {}
    # From a disk that has none to one that has enough: each step ends somewhere else.
    for number, kib in enumerate([0, 4, 8, 12, 16, 20, 24, 32, 48, 64, 96, 128, 256, 512, 1024]):
        path, sent[number] = noisy(server, tmp_path / f"{number}.nii.gz", seed=number)
        filling = fill(disk, leave=kib * 1024)
        answers[number] = put(server, path)
        filling.unlink()
        assert answers[number].status_code in (200, 503), answers[number].text
        assert unexplained_files(server) == set(), kib
    refused = [answer.json()["detail"] for answer in answers.values() if answer.status_code == 503]
    for step in ("upload cannot be stored", "not written to its end", "state database cannot be written"):
        assert any(step in sentence for sentence in refused), step
    for sentence in refused:
        assert "othing was" in sentence, sentence
        assert "Traceback" not in sentence
        assert any(word in sentence for word in ("No space left", "full disk", "no disk space", "disk is full")), sentence
    assert answers[max(answers)].status_code == 200
    stored = Stored.of(server)
    stored.check(server)
    assert set(stored.by_number) == {number for number, answer in answers.items() if answer.status_code == 200}
    for number, row in stored.by_number.items():
        np.testing.assert_array_equal(array_of_row(server, row), sent[number])
    # There is room again.
    path, array = noisy(server, tmp_path / "99.nii.gz", seed=99)
    reply = put(server, path).json()
    assert reply["version"] == len(stored.rows) + 1
    np.testing.assert_array_equal(array_of_row(server, Stored.of(server).by_number[99]), array)


def test_an_upload_that_does_not_fit_through_the_temporary_folder(server: Server, disk: Path, tmp_path: Path) -> None:
    before = len(Stored.of(server).rows)
    big = tmp_path / "big.nrrd"
    big.write_bytes(b"x" * (4 << 20))  # more than is received in memory
    filling = fill(disk)
    answer = put(server, big)
    filling.unlink()
    assert answer.status_code == 503, answer.text
    assert "disk" in answer.json()["detail"]
    assert unexplained_files(server) == set()
    path, _ = noisy(server, tmp_path / "100.nii.gz", seed=100)
    assert put(server, path).json()["version"] == before + 1


def test_a_folder_that_can_only_be_read(server: Server, tmp_path: Path) -> None:
    before = Stored.of(server)
    path, array = noisy(server, tmp_path / "101.nii.gz", seed=101)
    with read_only(server.state):
        answer = put(server, path)
        assert answer.status_code == 503
        assert "Read-only file system" in answer.json()["detail"]
        assert "othing was" in answer.json()["detail"]
        # What is stored can be had all the same.
        assert server.get("/datastore/label", params={"label": CASE, "tag": "final"}).ok
        assert server.client().info()["datastore"]["completed"] == 1
    after = Stored.of(server)
    assert [row.id for row in after.rows] == [row.id for row in before.rows]
    assert unexplained_files(server) == set()
    assert put(server, path).json()["version"] == before.rows[-1].version + 1
    np.testing.assert_array_equal(array_of_row(server, Stored.of(server).by_number[101]), array)


def test_only_the_labels_can_be_read(server: Server, tmp_path: Path) -> None:
    before = len(Stored.of(server).rows)
    path, _ = noisy(server, tmp_path / "102.nii.gz", seed=102)
    with read_only(server.state / "labels"):
        answer = put(server, path)
        assert answer.status_code == 503
        assert "Nothing was stored" in answer.json()["detail"]
    assert len(Stored.of(server).rows) == before
    assert unexplained_files(server) == set()
    assert put(server, path).ok


def test_a_start_on_a_folder_that_can_only_be_read(small_weights: Path, tmp_path: Path) -> None:
    studies = write_small_studies(tmp_path / "studies", cases=1)
    (tmp_path / "state").mkdir()
    with serving(tmp_path, small_weights) as start, read_only(tmp_path / "state"), pytest.raises(AssertionError) as error:
        start(studies)
    assert "cannot be written" in str(error.value)
    assert "Read-only file system" in str(error.value)
    assert "--conf state DIR" in str(error.value)
