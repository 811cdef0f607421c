"""What goes wrong inside a request, told by the app's own routes: the app in this process, its parts made to fail."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import SimpleITK as sitk
import torch
from fastapi import FastAPI
from tests.labelserver.conftest import write_small_studies
from tests.labelserver.threads import Site, running

from gliolabel.inference import Segmenter
from gliolabel.labelserver.app import GlioLabelApp
from gliolabel.labelserver.routes import install_routes
from gliolabel.labelserver.uploads import shutil as uploading
from gliolabel.state import files as storing

INFER = "/infer/unet3d?image=Case_000"
QUICK = {"params": '{"passes": 0}'}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, small_weights: Path) -> Iterator[tuple[Site, GlioLabelApp]]:
    folder = tmp_path_factory.mktemp("failures")
    studies = write_small_studies(folder / "studies", cases=1)
    conf = {"state": str(folder / "state"), "weights": str(small_weights), "device": "cpu"}
    app = GlioLabelApp(str(folder / "app"), str(studies), conf)
    app.folder.temporary.mkdir(parents=True, exist_ok=True)
    server = FastAPI(openapi_url=None)
    install_routes(server, app)
    with running(server) as site:
        yield site, app
    app._stop()


def refused(answer: requests.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    sentence: str = answer.json()["detail"]
    assert sentence.endswith(f"(request {answer.headers['X-Request-ID']})")
    assert "Traceback" not in sentence
    return sentence


def raising(error: Exception) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"), "The GPU is out of memory"),
        (MemoryError(), "The server is out of memory"),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"), "The server is out of memory"),
    ],
)
def test_out_of_memory(desk: tuple[Site, GlioLabelApp], monkeypatch: pytest.MonkeyPatch, error: Exception, words: str) -> None:
    site, app = desk
    with monkeypatch.context() as failing:
        failing.setattr(Segmenter, "mask", raising(error))
        assert words in refused(requests.post(site.url + INFER, data=QUICK, timeout=60), 503)
    assert requests.post(site.url + INFER, data=QUICK, timeout=60).ok, "the next one is answered"
    assert list(app.folder.temporary.iterdir()) == []


def test_disk_full_while_an_upload_is_stored(desk: tuple[Site, GlioLabelApp], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    site, app = desk
    volume = next(Path(app.studies).rglob("*_t1.nii.gz")).read_bytes()
    full = OSError(errno.ENOSPC, "No space left on device")

    def send() -> requests.Response:
        return requests.put(f"{site.url}/datastore/?image=new t1", files={"file": ("new t1.nii.gz", volume)}, timeout=60)

    for module, name in ((uploading, "copyfileobj"), (uploading, "copyfile"), (storing.os, "fsync")):
        with monkeypatch.context() as failing:
            failing.setattr(module, name, raising(full))
            assert "No space left" in refused(send(), 503), name
        assert requests.get(f"{site.url}/datastore/image?image=new t1", timeout=60).status_code == 404, "nothing was stored"
    assert list(app.folder.temporary.iterdir()) == []
    assert [path for path in app.folder.path.glob("uploads/*") if path.is_file()] == []
    assert send().ok


def test_disk_full_while_a_mask_is_written(desk: tuple[Site, GlioLabelApp], monkeypatch: pytest.MonkeyPatch) -> None:
    site, app = desk
    with monkeypatch.context() as failing:
        failing.setattr(sitk, "WriteImage", raising(RuntimeError("No space left on device")))
        assert "cannot be written" in refused(requests.post(site.url + INFER, data=QUICK, timeout=60), 503)
    assert list(app.folder.temporary.iterdir()) == []


def test_a_mistake_of_the_program(
    desk: tuple[Site, GlioLabelApp], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    site, app = desk
    with monkeypatch.context() as failing:
        failing.setattr(Segmenter, "mask", raising(KeyError(str(app.folder.path))))
        answer = requests.post(site.url + INFER, data=QUICK, timeout=60)
    assert "Something went wrong" in refused(answer, 500)
    assert str(app.folder.path) not in answer.text
    (record,) = [r for r in caplog.records if r.exc_info and getattr(r, "request_id", "") == answer.headers["X-Request-ID"]]
    assert str(app.folder.path) in str(record.exc_info), "the log says what"


def test_no_weights(desk: tuple[Site, GlioLabelApp], monkeypatch: pytest.MonkeyPatch) -> None:
    site, app = desk
    monkeypatch.setattr(app.workbench, "models", dict)
    for model in ("unet3d", "resunet2d", "where_to_look", "uncertainty"):
        answer = requests.post(f"{site.url}/infer/{model}?image=Case_000", data=QUICK, timeout=60)
        assert "has no weights" in refused(answer, 503)


def test_every_route_of_monailabels_is_ours_or_known_to_be_safe(desk: tuple[Site, GlioLabelApp]) -> None:
    """A route that a later MONAI Label adds does not come in unseen."""
    from monailabel.app import app as stock

    ours = _operations(desk[0].server.routes)
    # What it shows and loads to describe itself; our proxy takes whatever follows its prefix.
    safe = {"/openapi.json", "/docs", "/docs/oauth2-redirect", "/", "/favicon.ico", "/static"}
    left = {(method, path) for method, path in _operations(stock.routes) - ours if not path.startswith("/proxy/dicom/")}
    assert ("POST", "/infer/{model}") in ours
    assert {path for _, path in left} <= safe, left
    assert {method for method, _ in left} <= {"GET", "HEAD", "mounted"}


def _operations(routes: Iterable[Any]) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for route in routes:
        if hasattr(route, "path"):
            found |= {(method, route.path) for method in getattr(route, "methods", None) or {"mounted"}}
        else:  # newer FastAPI keeps an included router as one
            found |= _operations(route.original_router.routes)
    return found
