"""The queue of a real server: who waits, who is told to come back, who goes away, and what memory that takes."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from monailabel.client.client import MONAILabelClientException
from tests.labelserver.conftest import Server, wait_until, write_small_studies

from gliolabel.cli.benchmark.load_clients import Target, run_busy
from gliolabel.cli.benchmark.scale import remember, write_many
from gliolabel.phantoms import make_phantom, write_phantom_case
from gliolabel.state import StateFolder
from gliolabel.studies.writing import write_volume

Serve = Callable[..., Server]
#: Of the short requests' times, at the 99th percentile.
LIMIT_MS = 100.0
#: The reviewer plugin gives up after so long.
REVIEWER_S = 5.0


def ask_for_a_long_map(
    server: Server, reader: str, *, seed: int, timeout: float | None = None, case: str = "Case_003"
) -> requests.Response:
    params = {"of": "resunet2d", "passes": 200, "seed": seed, "client_id": reader}
    return requests.post(
        f"{server.url}/infer/uncertainty", params={"image": case}, data={"params": json.dumps(params)}, timeout=timeout or 280
    )


def queue(server: Server, reader: str = "") -> dict[str, Any]:
    return server.get("/queue/", params={"client_id": reader}).json()


def test_a_client_that_goes_away_stops_what_only_it_waits_for(shared_server: Server) -> None:
    with pytest.raises(requests.Timeout):
        ask_for_a_long_map(shared_server, "ann", seed=4711, timeout=1.0)
    wait_until(lambda: not queue(shared_server)["computing"])
    assert not list(shared_server.state.glob("maps/*/*_200_4711*"))
    info = shared_server.get("/datastore/label/info", params={"label": "Case_003", "tag": "uncertainty"})
    assert info.status_code == 404 or info.json().get("seed") != 4711
    # Its ticket is free: the next is served.
    _, params = shared_server.client("ben").infer("unet3d", "Case_002", {"passes": 0})
    assert params["latencies"]["queue"] >= 0
    assert queue(shared_server)["waiting"] == 0


@pytest.mark.slow
def test_beyond_the_bound_the_plugin_is_told_to_come_back(serve: Serve, tmp_path: Path) -> None:
    server = serve(write_small_studies(tmp_path / "studies", cases=4), conf={"queue": "1"})
    asking = []

    def ask(reader: str, seed: int) -> None:
        with suppress(requests.ConnectionError):  # the server is killed in the end
            ask_for_a_long_map(server, reader, seed=seed)

    for number, reader in enumerate(("ann", "ben")):
        asking.append(threading.Thread(target=ask, args=(reader, number)))
        asking[-1].start()
        wait_until(lambda number=number: queue(server)["waiting"] == number and queue(server)["computing"])
    assert queue(server, "ben")["ahead"] == [1]
    refused = ask_for_a_long_map(server, "cem", seed=3)
    assert refused.status_code == 503
    assert int(refused.headers["Retry-After"]) >= 1
    assert "2 ahead of you" in refused.json()["detail"]
    with pytest.raises(MONAILabelClientException) as error:
        server.client("cem").infer("uncertainty", "Case_003", {"of": "resunet2d", "passes": 200, "seed": 3})
    assert "2 ahead of you" in error.value.msg
    # A mask does not wait for maps.
    _, params = server.client("cem").infer("unet3d", "Case_001", {"passes": 0})
    assert params["volumes_ml"]
    server.process.kill()
    for thread in asking:
        thread.join()


@pytest.mark.slow
def test_short_requests_are_quick_while_one_segments_one_maps_and_a_training_runs(serve: Serve, tmp_path: Path) -> None:
    studies = tmp_path / "studies"
    for number in range(6):
        phantom = make_phantom(shape=(80, 96, 96), seed=(3, number))
        phantom = replace(phantom, grid=replace(phantom.grid, spacing=(1.0, 1.0, 1.0)))
        write_phantom_case(phantom, studies / f"Case_{number:03d}", name=f"Case_{number:03d}")
    write_volume(phantom.labels, phantom.grid, tmp_path / "label.nii.gz")
    # As it is by default: all cores, and without the limit that other tests set.
    server = serve(studies, env={"OMP_NUM_THREADS": ""})
    ids = [f"Case_{number:03d}" for number in range(6)]
    target = Target(server.url, ids, "unet3d", "most_uncertain", (tmp_path / "label.nii.gz").read_bytes())
    at_rest = short_requests(target, seconds=6)
    started = server.post("/train/unet3d", json={"epochs": 1000})
    assert started.ok, started.text
    wait_until(lambda: (server.get("/train/").json().get("progress") or {}).get("epoch"))
    busy = run_busy(target, seconds=25)["ms"]
    assert server.get("/train/").json()["status"] == "RUNNING"
    assert busy["mask"]["count"] >= 2
    assert busy["map"]["count"] >= 1
    for request in ("info", "next sample", "submit"):
        # Where other programs have the cores, the same requests take long at rest too.
        limit = max(LIMIT_MS, 3 * at_rest[request]["p99"])
        assert busy[request]["p99"] < limit, (request, busy[request], at_rest[request])


def short_requests(target: Target, *, seconds: float) -> dict[str, dict[str, float]]:
    from gliolabel.cli.benchmark.load_clients import Times, _beside

    times = Times()
    _beside(target, [lambda: time.sleep(seconds)], times)
    return times.table()


#: What eight clients ask for at once: masks and maps of both models.
MIXED = [("unet3d", {"passes": 2}), ("resunet2d", {"passes": 0}), ("uncertainty", {"of": "unet3d", "passes": 4}),
         ("uncertainty", {"of": "resunet2d", "passes": 4})] * 2  # fmt: skip


@pytest.mark.slow
def test_eight_clients_at_once_stay_within_the_memory_plan(serve: Serve, tmp_path: Path) -> None:
    """The starter weights, on cases of a size that makes memory count."""
    studies = tmp_path / "studies"
    phantom = make_phantom(shape=(96, 128, 128), seed=(5, 0))
    phantom = replace(phantom, grid=replace(phantom.grid, spacing=(1.0, 1.0, 1.0)))
    for number in range(8):
        write_phantom_case(phantom, studies / f"Case_{number:03d}", name=f"Case_{number:03d}", labels=False)
    server = serve(studies, conf={"memory": "3", "weights": str(starter())})
    peak = peak_of_eight(server, [f"Case_{number:03d}" for number in range(8)], limit_gib=3)
    assert peak <= 3.0


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_eight_clients_on_real_cases_stay_within_the_memory_plan(serve: Serve, brats_folder: Path) -> None:
    server = serve(brats_folder, conf={"memory": "5", "weights": str(starter()), "labels_in_folder": "ignore"})
    peak = peak_of_eight(server, sorted(server.get("/datastore/?output=all").json()["objects"])[:8], limit_gib=5)
    assert peak <= 5.0


def peak_of_eight(server: Server, cases: list[str], *, limit_gib: int) -> float:
    """The most GiB that the server held while eight clients asked at once; all were answered."""
    log = server.log.read_text()
    assert re.search(rf"Memory of cpu: {limit_gib}\.0 GiB by --conf memory", log), log[-2000:]
    before = peak_gib(server)
    answers: list[requests.Response] = []

    def ask(number: int) -> None:
        task, options = MIXED[number]
        params = {"params": json.dumps({**options, "client_id": f"reader-{number}"})}
        # Without a limit of time: the last one waits for seven others, some of them maps.
        answers.append(requests.post(f"{server.url}/infer/{task}", params={"image": cases[number]}, data=params, timeout=None))

    clients = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join()
    assert [answer.status_code for answer in answers] == [200] * 8
    peak = peak_gib(server)
    assert before + 0.1 < peak
    return peak


def starter() -> Path:
    from gliolabel.registry import starter_folder

    return starter_folder()


def peak_gib(server: Server) -> float:
    """The most main memory the server held so far."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 2**20


@pytest.mark.slow
def test_too_little_memory_is_said_at_the_start(serve: Serve, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="too little"):
        serve(write_small_studies(tmp_path / "studies", cases=2), conf={"memory": "1"})


@pytest.mark.slow
def test_the_reviewer_plugin_never_waits_so_long_that_it_gives_up(serve: Serve, tmp_path: Path) -> None:
    """Its requests, with 10,000 cases, while somebody segments without end."""
    ids = write_many(tmp_path / "studies", cases=10_000)
    remember(StateFolder(tmp_path / "state").create(), ids, version=None)
    server = serve(tmp_path / "studies")
    phantom = make_phantom(shape=(16, 24, 24), seed=(0, 0))
    write_volume(phantom.labels, phantom.grid, tmp_path / "label.nii.gz")
    content = (tmp_path / "label.nii.gz").read_bytes()
    over = threading.Event()

    def segment() -> None:
        while not over.is_set():
            server.post("/infer/resunet2d", params={"image": ids[5]}, data={"params": '{"passes": 20, "seed": 1}'})

    working = threading.Thread(target=segment)
    working.start()
    meta = json.dumps({"segmentationMeta": {"status": "approved", "level": "easy", "approvedBy": "dot", "comment": "", "editTime": ""}})
    try:
        for number in range(3):
            case, label = ids[number + 1], {"label": ("label.nii.gz", content)}
            named = {"label": case, "tag": "final"}
            sent: list[Callable[[], requests.Response]] = [
                lambda: requests.get(f"{server.url}/", timeout=REVIEWER_S),
                lambda case=case, label=label: requests.put(  # type: ignore[misc]
                    f"{server.url}/datastore/label", params={"image": case}, files=label, timeout=REVIEWER_S
                ),
                lambda: requests.get(f"{server.url}/datastore/", params={"output": "all"}, timeout=REVIEWER_S),
                lambda case=case: requests.get(f"{server.url}/datastore/image", params={"image": case}, timeout=REVIEWER_S),  # type: ignore[misc]
                lambda named=named: requests.get(f"{server.url}/datastore/label", params=named, timeout=REVIEWER_S),  # type: ignore[misc]
                lambda named=named: requests.put(  # type: ignore[misc]
                    f"{server.url}/datastore/updatelabelinfo", params=named, data={"params": meta}, timeout=REVIEWER_S
                ),
            ]
            for send in sent:
                answer = send()  # raises after five seconds
                assert answer.ok, (answer.url, answer.text)
    finally:
        over.set()
        working.join()
