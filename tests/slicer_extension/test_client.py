"""The module's own client, against small servers in this process: cancelled, cut off, refused, logged in."""

from __future__ import annotations

import importlib
import json
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from tests.certificates import self_signed
from tests.slicer_extension.conftest import MODULE


@pytest.fixture(scope="module")
def library() -> Iterator[SimpleNamespace]:
    """The module's library, as Slicer imports it."""
    sys.path.insert(0, str(MODULE))
    names = ("client", "jobs", "multipart", "server")
    found: dict[str, ModuleType] = {name: importlib.import_module(f"GlioLabelLib.{name}") for name in names}
    yield SimpleNamespace(**found)
    sys.path.remove(str(MODULE))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        return None

    def answer(self, status: int, body: bytes, kind: str = "application/json", *, length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def do_GET(self) -> None:
        self.server.handle(self)  # type: ignore[attr-defined]

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """Starts a server that answers with a function. Returns its address."""
    servers: list[ThreadingHTTPServer] = []

    def start(handle: Callable[[_Handler], None]) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        server.handle = handle  # type: ignore[attr-defined]
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_cancelled_request_ends_at_once_and_the_server_sees_it(library: SimpleNamespace, serve: Callable[..., str]) -> None:
    asked, gone = threading.Event(), threading.Event()

    def never(handler: _Handler) -> None:
        asked.set()
        handler.connection.settimeout(20)
        if handler.connection.recv(1) == b"":
            gone.set()

    client, stop, ended = library.client.Client(serve(never)), library.client.Stop(), []

    def ask() -> None:
        try:
            client.get("/infer/", stop=stop)
        except library.client.Cancelled:
            ended.append(time.monotonic())

    thread = threading.Thread(target=ask)
    thread.start()
    assert asked.wait(10)
    began = time.monotonic()
    stop.cancel()
    thread.join(10)
    assert ended
    assert ended[0] - began < 2
    assert gone.wait(10)


def test_a_request_that_was_cancelled_before_is_not_sent(library: SimpleNamespace, serve: Callable[..., str]) -> None:
    asked: list[str] = []
    client, stop = library.client.Client(serve(lambda handler: asked.append(handler.path))), library.client.Stop()
    stop.cancel()
    with pytest.raises(library.client.Cancelled):
        client.get("/info/", stop=stop)
    assert asked == []


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (422, b'{"detail":"T2 is missing. (request 1)"}', "T2 is missing. (request 1)"),
        (503, b'{"detail":"The server is busy."}', "The server is busy."),
        (500, b"Internal Server Error", "The server answered with status 500 and no reason."),
        (404, b'{"detail":[1]}', "The server answered with status 404 and no reason."),
    ],
)
def test_a_refusal_is_told_in_the_servers_words(
    library: SimpleNamespace, serve: Callable[..., str], status: int, body: bytes, expected: str
) -> None:
    client = library.client.Client(serve(lambda handler: handler.answer(status, body)))
    with pytest.raises(library.client.ServerError) as error:
        client.get("/x")
    assert (str(error.value), error.value.status) == (expected, status)


def test_nobody_there_wrong_name_and_no_address_are_told(library: SimpleNamespace) -> None:
    for url, word in (
        ("http://127.0.0.1:9", "Is the server running"),
        ("no-such-host.invalid:8000", "name"),
        ("ftp://127.0.0.1", "address"),
        ("http://127.0.0.1:port", "address"),
    ):
        with pytest.raises(library.client.ServerError, match=word) as error:
            library.client.Client(url).get("/info/")
        assert error.value.status == 0


def test_an_answer_that_breaks_off_leaves_no_file(library: SimpleNamespace, serve: Callable[..., str], tmp_path: Path) -> None:
    client = library.client.Client(serve(lambda handler: handler.answer(200, b"half", length=4000)))
    with pytest.raises(library.client.ServerError, match="broke"):
        client.ask("GET", "/datastore/image", into=str(tmp_path / "image.nii.gz"))
    assert list(tmp_path.iterdir()) == []


def test_a_download_that_is_cancelled_leaves_no_file(library: SimpleNamespace, serve: Callable[..., str], tmp_path: Path) -> None:
    begun = threading.Event()

    def slowly(handler: _Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100000000")
        handler.end_headers()
        for _ in range(100):
            handler.wfile.write(b"x" * 100_000)
            begun.set()
            time.sleep(0.05)

    client, stop, ended = library.client.Client(serve(slowly)), library.client.Stop(), []

    def ask() -> None:
        try:
            client.ask("GET", "/datastore/image", into=str(tmp_path / "image.nii.gz"), stop=stop)
        except library.client.Cancelled:
            ended.append(True)

    thread = threading.Thread(target=ask)
    thread.start()
    assert begun.wait(10)
    stop.cancel()
    thread.join(10)
    assert ended == [True]
    assert list(tmp_path.iterdir()) == []


def test_a_token_that_ran_out_is_renewed_once(library: SimpleNamespace, serve: Callable[..., str]) -> None:
    tokens: list[str] = []
    valid = {"new"}

    def guarded(handler: _Handler) -> None:
        if handler.path == "/auth/token":
            words = handler.rfile.read(int(handler.headers["content-length"]))
            assert words == b"username=ann&password=a+b%26c&grant_type=password"
            tokens.append("new")
            handler.answer(200, b'{"access_token": "new", "token_type": "bearer"}')
        elif handler.headers.get("authorization") == "Bearer new" and "new" in valid:
            handler.answer(200, b'{"fine": true}')
        else:
            handler.answer(401, b'{"detail": "Who are you?"}')

    url = serve(guarded)
    client = library.client.Client(url, username="ann", password="a b&c", token="old")
    assert client.get("/info/") == {"fine": True}
    assert client.get("/info/") == {"fine": True}
    assert tokens == ["new"]
    valid.clear()
    with pytest.raises(library.client.LoginNeeded, match="Who are you"):
        client.get("/info/")
    with pytest.raises(library.client.LoginNeeded, match="Who are you"):
        library.client.Client(url).get("/info/")


def test_a_certificate_that_nobody_signed_is_told_or_believed_when_asked_for(library: SimpleNamespace, tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.handle = lambda handler: handler.answer(200, b"{}")  # type: ignore[attr-defined]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    url = f"https://127.0.0.1:{server.server_address[1]}"
    try:
        with pytest.raises(library.client.ServerError, match="certificate"):
            library.client.Client(url).get("/info/")
        assert library.client.Client(url, verify=False).get("/info/") == {}
    finally:
        server.shutdown()
        server.server_close()


def test_any_bytes_survive_the_form(library: SimpleNamespace) -> None:
    content = bytes(range(256)) * 40 + b"\r\n--\r\n\r\n"
    body, kind = library.multipart.encode({"params": json.dumps({"comment": "é\r\n--x"})}, [("label", 'a"b.nrrd', content)])
    first, second = library.multipart.read(body, kind)
    assert (second.field, second.filename, second.content) == ("label", "a_b.nrrd", content)
    assert json.loads(first.content) == {"comment": "é\r\n--x"}
    with pytest.raises(ValueError, match="not a form"):
        library.multipart.read(b"{}", "application/json")


def test_another_apps_server_is_told(library: SimpleNamespace, serve: Callable[..., str], tmp_path: Path) -> None:
    info = {"name": "Radiology", "models": {"deepedit": {"type": "deepedit"}}}
    client = library.client.Client(serve(lambda handler: handler.answer(200, json.dumps(info).encode())))
    with pytest.raises(library.client.ServerError, match="not one with GlioLabel's app"):
        library.server.Server(client, str(tmp_path)).offer(library.client.Stop())


# --- jobs


def polled(jobs: Any, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while jobs.busy:
        jobs.poll()
        assert time.monotonic() < end


def test_results_come_back_on_the_thread_that_polls(library: SimpleNamespace) -> None:
    jobs, told = library.jobs.Jobs(), []
    here = threading.current_thread()
    jobs.start(
        "mask", lambda stop: threading.current_thread(), lambda thread: told.append((thread, threading.current_thread())), told.append
    )
    assert not jobs.start("mask", lambda stop: None, told.append, told.append), "one of a kind at a time"
    polled(jobs)
    (result,) = told
    assert result[0] is not here
    assert result[1] is here


def test_a_job_that_is_cancelled_changes_nothing_even_if_it_was_done(library: SimpleNamespace) -> None:
    jobs, told, thrown, go = library.jobs.Jobs(), [], [], threading.Event()
    jobs.start("mask", lambda stop: go.wait(10), told.append, told.append, lambda: told.append("cancelled"), thrown.append)
    jobs.cancel("mask")
    go.set()
    polled(jobs)
    assert told == ["cancelled"]
    assert thrown == [True], "what came all the same is thrown away"


def test_a_mistake_of_the_program_is_a_sentence_and_a_trace(library: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    jobs, told = library.jobs.Jobs(), []
    jobs.start("mask", lambda stop: 1 / 0, told.append, told.append)
    polled(jobs)
    assert "division by zero" in str(told[0])
    assert "Traceback" in capsys.readouterr().err


def test_a_forgotten_job_tells_nobody(library: SimpleNamespace) -> None:
    jobs, told, thrown, go = library.jobs.Jobs(), [], [], threading.Event()
    jobs.start("mask", lambda stop: go.wait(10), told.append, told.append, lambda: told.append("cancelled"), thrown.append)
    jobs.forget()
    assert not jobs.busy
    assert jobs.start("mask", lambda stop: "another", told.append, told.append), "its place is free at once"
    polled(jobs)
    go.set()
    end = time.monotonic() + 10
    while not thrown:
        jobs.poll()
        assert time.monotonic() < end
    assert told == ["another"]


def test_a_silent_server_is_given_up_in_the_end(library: SimpleNamespace) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        client = library.client.Client(f"http://127.0.0.1:{listener.getsockname()[1]}")
        with pytest.raises(library.client.ServerError, match="does not answer"):
            client.ask("GET", "/info/", timeout=0.3)
