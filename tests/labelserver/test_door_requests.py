"""Numbers of requests, and errors in words. The routes here are made to fail; those of the server are tried in test_door_server.py."""

from __future__ import annotations

import errno
import logging
import re
from collections.abc import Iterator

import pytest
import requests
import torch
from fastapi import FastAPI, HTTPException
from monailabel.interfaces.exception import MONAILabelError, MONAILabelException
from sqlalchemy.exc import OperationalError
from tests.labelserver.threads import Site, site

from gliolabel.errors import ConflictError, InputError, UnavailableError
from gliolabel.labelserver.door.install import install_door
from gliolabel.labelserver.door.requests import REQUEST

ERRORS: dict[str, Exception] = {
    "input": InputError("passes = -1: expected 0 to 200."),
    "conflict": ConflictError("Rename the volume in Slicer and send it again."),
    "later": UnavailableError("The model has no weights yet."),
    "monailabel": MONAILabelException(MONAILabelError.INVALID_INPUT, "bad"),
    "http": HTTPException(429, "There is one already.", headers={"X-Other": "1"}),
    "mistake": KeyError("/srv/secret"),
    "disk": OSError(errno.ENOSPC, "No space left on device", "/srv/secret"),
    "gpu": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3.00 GiB"),
    "memory": MemoryError(),
    "database": OperationalError("SELECT secret", None, Exception("locked")),
}
STATUS = {"input": 422, "conflict": 409, "later": 503, "monailabel": 422, "http": 429, "mistake": 500}


@pytest.fixture(scope="module")
def door() -> Iterator[Site]:
    server = FastAPI()

    @server.get("/fail/{kind}")
    def fail(kind: str) -> None:
        logging.getLogger("a.library").warning("before it failed")
        raise ERRORS[kind]

    @server.get("/number")
    def number(passes: int = 0) -> str:
        return REQUEST.get()

    with site(server, install_door) as running:
        yield running


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_is_a_sentence_with_the_number_of_its_request(door: Site, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    answer = requests.get(f"{door.url}/fail/{kind}", timeout=10)
    assert answer.status_code == STATUS.get(kind, 503)
    number = answer.headers["X-Request-ID"]
    body = answer.json()
    assert body["request_id"] == number
    assert re.fullmatch(r"[A-Z].*[.] \(request " + number + r"\)", body["detail"]) or kind in ("input", "monailabel")
    assert number in body["detail"]
    assert "secret" not in answer.text, "neither paths nor SQL are told"
    assert "Traceback" not in answer.text
    about = [record for record in caplog.records if getattr(record, "request_id", "") == number]
    assert {"a.library", "gliolabel.labelserver.door.messages"} <= {record.name for record in about}
    last = next(record for record in about if record.name.startswith("gliolabel"))
    expected = kind in ("mistake", "disk", "gpu", "memory", "database")
    assert (last.exc_info is not None) is expected, "the log has what the client is not told"
    if kind == "http":
        assert answer.headers["X-Other"] == "1"


def test_what_the_server_is_out_of_is_told(door: Site) -> None:
    told = {kind: requests.get(f"{door.url}/fail/{kind}", timeout=10).json()["detail"] for kind in ("disk", "gpu", "memory", "database")}
    assert "disk space" in told["disk"]
    assert told["gpu"].startswith("The GPU is out of memory")
    assert told["memory"].startswith("The server is out of memory")
    assert "database" in told["database"]


def test_what_fastapi_refuses_is_a_sentence_too(door: Site) -> None:
    answer = requests.get(f"{door.url}/number?passes=many", timeout=10)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("The request cannot be used: passes: ")
    answer = requests.get(f"{door.url}/nowhere", timeout=10)
    assert answer.status_code == 404
    assert "nothing at this address" in answer.json()["detail"]


def test_a_number_is_made_or_a_proxys_is_kept(door: Site) -> None:
    numbers = {requests.get(f"{door.url}/number", timeout=10).json() for _ in range(3)}
    assert len(numbers) == 3
    given = {"X-Request-ID": "0123456789abcdef0123456789abcdef"}
    assert requests.get(f"{door.url}/number", headers=given, timeout=10).json() == given["X-Request-ID"]
    forged = {"X-Request-ID": "x] [ERROR] forged"}
    assert requests.get(f"{door.url}/number", headers=forged, timeout=10).json() != forged["X-Request-ID"]


def test_an_address_begins_no_line_of_the_log(door: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    requests.get(f"{door.url}/fail%0a[forged]", timeout=10)
    assert "\n[forged]" not in caplog.text
