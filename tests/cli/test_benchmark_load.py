"""The load on two servers: both do the same work, what is measured is told, and what cannot be done is said."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import SimpleITK as sitk
from tests.labelserver.conftest import small_weights  # noqa: F401 - a fixture

from gliolabel.cli.benchmark import load
from gliolabel.cli.benchmark.load_clients import Target, run_load
from gliolabel.errors import UnavailableError
from gliolabel.phantoms import make_phantom
from gliolabel.recipes import ModelVersion
from gliolabel.studies.grid import Grid
from gliolabel.vocabulary import SEQUENCES


class _Busy(BaseHTTPRequestHandler):
    """Answers short requests, refuses every third mask once, and counts."""

    asked: ClassVar[list[str]] = []
    broken: ClassVar[bool] = False

    def do_GET(self) -> None:
        self._answer(200)

    def do_PUT(self) -> None:
        self._answer(200)

    def do_POST(self) -> None:
        if not self.path.startswith("/infer"):
            return self._answer(200)
        self.asked.append(self.path)
        if self.broken:
            return self._answer(422)
        return self._answer(503 if len(self.asked) % 3 == 2 else 200)

    def _answer(self, status: int) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(status)
        if status == 503:
            self.send_header("Retry-After", "1")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def target() -> Iterator[Target]:
    _Busy.asked, _Busy.broken = [], False
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Busy)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Target(f"http://127.0.0.1:{server.server_port}", ["a", "b"], "unet3d", "random", b"label")
    server.shutdown()
    thread.join()
    server.server_close()


def test_clients_share_the_masks_and_come_back_when_told(target: Target) -> None:
    row = run_load(target, clients=2, masks=4)
    assert row["ms"]["mask"]["count"] == 4
    assert row["refused"] == len(_Busy.asked) - 4 >= 1
    assert row["ms"]["mask"]["worst"] >= 1000, "the time of coming back counts"
    assert row["masks_per_minute"] == pytest.approx(60 * 4 / row["seconds"])
    assert {"info", "next sample", "submit"} <= set(row["ms"])
    assert {path.split("=")[-1] for path in _Busy.asked} == {"a", "b"}


def test_a_server_that_refuses_for_good_ends_the_measurement(target: Target) -> None:
    _Busy.broken = True
    with pytest.raises(UnavailableError, match="answered 'mask' with 422"):
        run_load(target, clients=2, masks=4)


def test_both_servers_have_the_same_cases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "SHAPE", (24, 28, 32))
    monkeypatch.setattr(load, "CASES", 1)
    ids, _ = load._write_cases(tmp_path)
    four = sitk.ReadImage(str(tmp_path / "stock" / f"{ids[0]}.nii.gz"))
    phantom = make_phantom(shape=(24, 28, 32), seed=(0, 0))
    grid = replace(phantom.grid, spacing=(1.0, 1.0, 1.0))
    assert Grid.of(four[..., 0]).same_as(grid)
    array = sitk.GetArrayFromImage(four)
    for channel, sequence in enumerate(SEQUENCES):
        np.testing.assert_array_equal(array[channel], phantom.sequences[sequence])


def _measured() -> dict[str, Any]:
    found = {"count": 9, "p50": 20.0, "p95": 31.0, "p99": 44.0, "worst": 50.0}
    ms = {"mask": {**found, "p50": 2000.0, "p95": 3100.0, "p99": 4400.0}, "info": found, "next sample": found, "submit": found}
    row = {"clients": 4, "masks": 16, "seconds": 32.0, "masks_per_minute": 30.0, "refused": 3, "ms": ms}
    training = {"status": "RUNNING", "epoch_before": 2.0, "epoch_after": 9.0}
    rows = [{"server": "gliolabel", **row}, {"server": "stock", **row, "ms": {"mask": ms["mask"]}}]
    busy = {"seconds": 30.0, "ms": ms, "training": training}
    return {"shape": [96, 96, 96], "cases": 8, "model": "unet3d starter-2", "rows": rows, "busy": busy}


def test_the_command(gliolabel: Callable, small_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    asked: dict[str, Any] = {}

    def measure(version: ModelVersion, **options: Any) -> dict[str, Any]:
        asked.update(options, model=version.name)
        return _measured()

    monkeypatch.setattr(load, "measure_load", measure)
    weights = small_weights / "unet3d.safetensors"
    answer = gliolabel("benchmark", "--load", "--model", weights, "--masks", "4", "--busy", "0", "--output", tmp_path / "load.json")
    assert answer.code == 0, answer.err
    assert (asked["model"], asked["masks"], asked["busy_s"], asked["stock"]) == ("unet3d", 4, 0, True)
    words = " ".join(answer.out.split())
    for part in ("2.0 / 3.1 / 4.4", "20 / 31 / 44", "stock MONAI Label", "epoch 2 to 9"):
        assert part in words, words
    assert json.loads((tmp_path / "load.json").read_text())["rows"] == _measured()["rows"]
    assert gliolabel("benchmark", "--load", "--model", "a", "--model", "b").code == 2


@pytest.mark.slow
def test_real_servers(small_weights: Path) -> None:  # noqa: F811
    """Ours with a training, and stock MONAI Label's: while that computes, nobody else is answered."""
    version = ModelVersion.load(small_weights / "unet3d.safetensors")
    result = load.measure_load(version, clients=(1, 3), masks=6, busy_s=8, device="cpu")
    rows = {(row["server"], row["clients"]): row for row in result["rows"]}
    assert set(rows) == {("gliolabel", 1), ("gliolabel", 3), ("stock", 1), ("stock", 3)}
    assert all(row["ms"]["mask"]["count"] == 6 for row in rows.values())
    assert result["busy"]["training"]["status"] == "RUNNING"
    assert result["busy"]["training"]["epoch_after"] >= 1
    assert {"mask", "map"} <= set(result["busy"]["ms"])
    ours, stock = rows["gliolabel", 3]["ms"], rows["stock", 3]["ms"]
    # Stock MONAI Label answers on the event loop: its info waits for whole masks.
    assert stock["info"]["worst"] > 0.5 * stock["mask"]["p50"] / 3
    assert ours["info"]["p99"] < stock["info"]["worst"]
