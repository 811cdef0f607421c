"""Hundreds of good and bad requests leave a server as it was: no file, no open handle, no thread, no memory more."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
import requests
import SimpleITK as sitk
from tests.labelserver.conftest import Server, serving, wait_until, write_small_studies

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

REQUESTS = 500
#: By how much memory may have grown over the second half, in MB: what allocators keep back differs from minute to minute.
MOST_GROWTH_MB = 40


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, small_weights: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("steady")
    (folder / "tmp").mkdir()
    with serving(folder, small_weights) as start:
        yield start(write_small_studies(folder / "studies", cases=4, labelled=1), env={"TMPDIR": str(folder / "tmp")})


def temporary(server: Server) -> list[Path]:
    folders = (server.log.parent / "tmp", server.state / "tmp")
    return sorted(path for folder in folders if folder.is_dir() for path in folder.rglob("*") if path.is_file())


def requests_of(server: Server, folder: Path) -> list[Callable[[], requests.Response]]:
    """Good and bad ones, as clients send them."""
    image = sitk.ReadImage(str(next((Path(server.studies) / "Case_001").glob("*t1ce*"))))
    label = sitk.GetImageFromArray((sitk.GetArrayFromImage(image) > 1e9).astype(np.uint8))
    label.CopyInformation(image)
    sitk.WriteImage(label, str(folder / "label.nii.gz"))
    other = sitk.GetImageFromArray(np.zeros((3, 4, 5), np.uint8))
    sitk.WriteImage(other, str(folder / "other.nii.gz"))
    (folder / "broken.nii.gz").write_bytes(b"\x1f\x8b not gzip")
    names = '[{"name": "necrosis", "idx": 1}]'

    def submit(file: str, case: str = "Case_001") -> requests.Response:
        with (folder / file).open("rb") as stream:
            return server.put(f"/datastore/label?image={case}", data={"params": f'{{"label_info": {names}}}'}, files={"label": stream})

    def upload(file: str, name: str) -> requests.Response:
        with (folder / file).open("rb") as stream:
            return server.put(f"/datastore/?image={name}", files={"file": stream})

    def session(file: str) -> requests.Response:
        with (folder / file).open("rb") as stream:
            answer = server.put("/session/", files={"files": stream})
        if answer.ok:
            server.delete(f"/session/{answer.json()['session_id']}")
        return answer

    def infer(case: str, params: str) -> requests.Response:
        return server.post(f"/infer/unet3d?image={case}", data={"params": params})

    return [
        lambda: server.get("/info/"),
        lambda: server.get("/datastore/?output=all"),
        lambda: server.post("/activelearning/random", data='{"client_id": "ann"}'),
        lambda: infer("Case_001", '{"passes": 0}'),
        lambda: infer("Case_002", '{"passes": 2}'),
        lambda: infer("nobody", "{}"),
        lambda: infer("Case_001", '{"passes": "many"}'),
        lambda: infer("Case_001", "{not json"),
        lambda: infer("Case_001", '{"image": "/etc/passwd"}'),
        lambda: submit("label.nii.gz"),
        lambda: submit("other.nii.gz"),
        lambda: submit("broken.nii.gz"),
        lambda: submit("label.nii.gz", "nobody"),
        lambda: upload("broken.nii.gz", "new"),
        lambda: upload("label.nii.gz", "..%2Fnew"),
        lambda: session("label.nii.gz"),
        lambda: session("broken.nii.gz"),
        lambda: server.get("/session/nobody"),
        lambda: server.get("/nothing/here"),
        lambda: server.delete("/train/"),
    ]


def test_nothing_grows(server: Server, tmp_path: Path) -> None:
    process = psutil.Process(server.process.pid)
    ways = requests_of(server, tmp_path)
    draw = random.Random(0)

    def ask(count: int) -> None:
        for _ in range(count):
            answer = draw.choice(ways)()
            assert answer.status_code < 500, f"{answer.request.method} {answer.request.url}: {answer.text[:300]}"

    def state() -> tuple[float, int, int]:
        return process.memory_info().rss / 1e6, process.num_fds(), process.num_threads()

    for way in ways:  # each once: networks are loaded, pools filled, caches warm
        assert way().status_code < 500
    ask(REQUESTS // 2)
    memory, handles, threads = state()
    ask(REQUESTS - REQUESTS // 2)
    wait_until(lambda: not temporary(server), seconds=30)
    memory_now, handles_now, threads_now = state()
    print(f"memory {memory:.0f} -> {memory_now:.0f} MB, handles {handles} -> {handles_now}, threads {threads} -> {threads_now}")
    assert memory_now - memory < MOST_GROWTH_MB
    assert handles_now <= handles + 2  # a connection of the client's may be open still
    assert threads_now <= threads + 2
