"""Starting and stopping: what is said, what is left."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.labelserver.conftest import APP, Server, write_small_studies

Serve = Callable[..., Server]
#: uvicorn shuts down in order and then sends itself the signal again.
STOPPED = (0, -signal.SIGTERM)


def listing(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if "__pycache__" not in path.parts}


@pytest.mark.slow
def test_start_says_what_was_found_and_leaves_nothing_elsewhere(serve: Serve, tmp_path: Path) -> None:
    studies = write_small_studies(tmp_path / "studies", cases=2, labelled=1)
    (studies / "Case_001" / "Case_001_t2.nii.gz").unlink()
    (studies / "Case_001" / "Case_001_flair.nii.gz").write_bytes(b"")
    home = tmp_path / "home"
    home.mkdir()
    before = listing(studies)
    (tmp_path / "tmp").mkdir()
    server = serve(studies, env={"HOME": str(home), "TMPDIR": str(tmp_path / "tmp")})
    log = server.log.read_text()
    for said in (
        "2 cases",
        "1 without t2",
        "4 enhancing tumor",
        "1 of 2 cases are completed",
        "unet3d: version untrained-1",
        "cpu (",
        str(server.state),
    ):
        assert said in log, said
    assert "Case_001_flair.nii.gz" in log
    assert "1 file has a problem" in server.client().info()["description"]
    client = server.client()
    client.infer("unet3d", "Case_000", {"passes": 1})
    client.infer("where_to_look", "Case_000", {})
    assert server.stop() in STOPPED
    assert listing(studies) == before
    assert {path.name for path in APP.iterdir()} <= {"main.py", "README.md", "model", "lib", "logs", "bin", "__pycache__"}
    # MONAI imports matplotlib, which lists the fonts once per user, before MONAI Label loads any app.
    assert [path for path in home.rglob("*") if path.is_file() and "matplotlib" not in path.parts] == []
    left = [path for path in (tmp_path / "tmp").rglob("*") if path.is_file()]
    assert all(path.suffix == ".json" for path in left), "MONAI Label's own log configuration is the one exception"


@pytest.mark.slow
def test_a_restart_remembers_and_an_empty_folder_without_weights_is_told(serve: Serve, tmp_path: Path) -> None:
    empty = tmp_path / "typing-errror"
    (tmp_path / "none").mkdir()
    server = serve(empty, conf={"weights": str(tmp_path / "none"), "state": str(tmp_path / "other-state")})
    info = server.client().info()
    assert info["models"] == {}
    assert "typing-errror" in info["description"]
    assert server.client().next_sample("random", {}) == {}
    assert server.post("/infer/unet3d?image=x").status_code == 503
    assert "no segmentation is offered" in server.log.read_text()
    assert server.stop() in STOPPED


@pytest.mark.slow
def test_a_stop_does_not_wait_for_maps(serve: Serve, tmp_path: Path) -> None:
    server = serve(write_small_studies(tmp_path / "studies", cases=2), conf={"labels_in_folder": "ignore"})
    statuses: list[int] = []

    # Twelve maps, one after the other: however quick the machine, the stop comes before the last of them.
    def ask(seed: int) -> None:
        params = f'{{"passes": 200, "seed": {seed}}}'
        statuses.append(server.post("/infer/uncertainty?image=Case_000", data={"params": params}).status_code)

    asking = [threading.Thread(target=ask, args=(seed,)) for seed in range(12)]
    for thread in asking:
        thread.start()
    time.sleep(2)
    before = time.monotonic()
    code = server.stop()
    for thread in asking:
        thread.join()
    assert code in STOPPED
    assert time.monotonic() - before < 25
    assert set(statuses) <= {200, 503}
    assert 503 in statuses
