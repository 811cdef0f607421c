"""A PACS that hangs, fails or talks nonsense blocks nothing and is explained."""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from tests.labelserver.conftest import wait_until

from gliolabel.dicom import DicomOptions, DicomWebStudies, case_id_of, web, web_store
from gliolabel.dicom.series import MR_IMAGE
from gliolabel.errors import InputError, UnavailableError
from gliolabel.studies import open_studies

#: Status, type and body of the answer to a path with its query; None: no answer at all.
Answer = tuple[int, str, bytes] | None
JSON = "application/dicom+json"


@contextlib.contextmanager
def server(answer: Callable[[str, dict[str, list[str]]], Answer]) -> Iterator[str]:
    """A web server on a real socket. Yields its address."""
    closing = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            found = answer(parts.path, parse_qs(parts.query))
            if found is None:
                closing.wait(30)
                return
            status, kind, body = found
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.server_port}/rs"
        finally:
            closing.set()
            listening.shutdown()


def study(number: int, *, images: int = 12) -> dict[str, object]:
    values = {"0020000D": f"1.2.{number}", "00080020": f"2026{number % 12 + 1:02d}01", "00080061": "MR", "00201206": 1, "00201208": images}
    return {tag: {"vr": "UI", "Value": [value]} for tag, value in values.items()}


def archive(path: str, query: dict[str, list[str]], *, studies: list[dict[str, object]]) -> Answer:
    """The least that a DICOMweb service with one T2 series per study answers."""
    parts = path.split("/")[2:]
    found: list[dict[str, object]]
    if len(parts) == 1:
        offset, limit = int(query["offset"][0]), int(query["limit"][0])
        found = studies[offset : offset + limit]
    elif len(parts) == 3:
        found = [{"0020000E": _ui(f"{parts[1]}.1"), "00080060": _ui("MR"), "00201209": _ui(12), "00200011": _ui(4)}]
    elif parts[-1] == "instances":
        found = [{"00080018": _ui(f"{parts[3]}.1")}]
    else:
        image = {"0020000D": parts[1], "0020000E": parts[3], "00080016": MR_IMAGE, "00080060": "MR", "0008103E": "Ax T2", "00200011": 4}
        found = [{tag: {"vr": "LO" if tag != "00200011" else "IS", "Value": [value]} for tag, value in image.items()}]
    return 200, JSON, json.dumps(found).encode()


def _ui(value: object) -> dict[str, object]:
    return {"vr": "UI", "Value": [value]}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((500, "text/plain", b"database is locked"), "answered 500"),
        ((404, "text/html", b"not here"), "answered 404"),
        ((403, "text/html", b"no"), "answered 403 Forbidden. Set MONAI_LABEL_DICOMWEB_USERNAME"),
        ((200, "text/html", b"<html>Welcome to Orthanc</html>"), "answers with no DICOM"),
        ((200, JSON, b'["a", "b"]'), "answers with no DICOM"),
        (None, "does not answer within 0.3 s"),
    ],
)
def test_what_a_pacs_answers_wrongly_is_explained(answer: Answer, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "TIMEOUT_S", (0.3, 0.3))
    with server(lambda path, query: answer) as url, pytest.raises(UnavailableError) as error:
        open_studies(url)
    assert words in str(error.value)
    assert url in str(error.value)


@pytest.mark.parametrize("address", ["ftp://pacs/rs", "http:///rs", "https://reader:geheim@pacs.example/rs"])
def test_addresses_that_cannot_be_used(address: str) -> None:
    with pytest.raises(InputError) as error:
        open_studies(address)
    assert "geheim" not in str(error.value)


def test_a_search_that_is_none() -> None:
    with pytest.raises(InputError, match="'Studydatum' is no DICOM keyword"):
        open_studies("http://127.0.0.1:9/rs", dicom=DicomOptions(search="Studydatum=2026"))


def test_a_hanging_pacs_does_not_hold_the_start_up_and_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(web, "TIMEOUT_S", (0.3, 0.3))
    monkeypatch.setattr(web_store, "RETRY_S", (0.1, 0.2))
    caplog.set_level(logging.INFO)
    hangs = threading.Event()
    hangs.set()

    def answer(path: str, query: dict[str, list[str]]) -> Answer:
        return None if hangs.is_set() else archive(path, query, studies=[study(1)])

    with server(answer) as url:
        began = time.monotonic()
        store = open_studies(url, dicom=DicomOptions(follow=True))
        assert isinstance(store, DicomWebStudies)
        assert time.monotonic() - began < 5.0
        assert len(store) == 0
        wait_until(lambda: any("does not answer within 0.3 s" in warning for warning in store.warnings), seconds=30)
        time.sleep(1.5)
        hangs.clear()
        wait_until(lambda: store.has_news, seconds=30)
        store.refresh()
        assert store.ids == (case_id_of("1.2.1"),)
        wait_until(lambda: not store.warnings, seconds=30)
    spoken = [record.message for record in caplog.records if record.name == "gliolabel.dicom.web_store"]
    assert sum("does not answer" in text for text in spoken) == 1, "said once, not at every try"
    assert sum("answers again" in text for text in spoken) == 1


def test_one_study_that_always_fails_does_not_hold_up_the_others() -> None:
    def answer(path: str, query: dict[str, list[str]]) -> Answer:
        if "/studies/1.2.2/" in path:
            return 500, "text/plain", b"corrupt"
        return archive(path, query, studies=[study(number) for number in range(1, 4)])

    with server(answer) as url:
        store = open_studies(url)
    assert set(store.ids) == {case_id_of("1.2.1"), case_id_of("1.2.3")}
    assert any("1 studies could not be looked at" in warning and "answered 500" in warning for warning in store.warnings)


def test_a_pacs_that_knows_no_pages_is_asked_once_more_and_no_more() -> None:
    asked = []

    def answer(path: str, query: dict[str, list[str]]) -> Answer:
        asked.append(path)
        if path.endswith("/studies"):
            query = {"offset": ["0"], "limit": ["500"]}
        return archive(path, query, studies=[study(number) for number in range(3)])

    with server(answer) as url:
        assert len(open_studies(url)) == 3
    assert asked.count("/rs/studies") == 2


def test_a_study_that_grew_is_looked_at_again_and_one_that_went_is_forgotten(tmp_path: Path) -> None:
    studies = [study(1), study(2)]
    asked = []

    def answer(path: str, query: dict[str, list[str]]) -> Answer:
        asked.append(path)
        return archive(path, query, studies=studies)

    options = DicomOptions(cache=tmp_path)
    with server(answer) as url:
        store = open_studies(url, dicom=options)
        assert len(store) == 2
        asked.clear()
        again = open_studies(url, dicom=options)
        assert len(again) == 2
        assert asked == ["/rs/studies"] * 2, "what is known is on disk"
        studies[:] = [study(2, images=30)]
        asked.clear()
        again.refresh()
        assert again.ids == (case_id_of("1.2.2"),)
        assert "/rs/studies/1.2.2/series" in asked
    (tmp_path / "studies.jsonl").open("a").write('{"study": "1.2.9", "ma')  # a power cut
    with server(answer) as url:
        assert open_studies(url, dicom=options).ids == again.ids


@pytest.mark.slow
def test_ten_thousand_studies_are_listed_in_seconds_and_little_memory() -> None:
    studies = [study(number) for number in range(10_000)]
    pages = [0]

    def answer(path: str, query: dict[str, list[str]]) -> Answer:
        pages[0] += 1
        return archive(path, query, studies=studies)

    with server(answer) as url:
        pacs = web.DicomWeb(url)
        tracemalloc.start()
        began = time.monotonic()
        assert sum(1 for _ in pacs.studies()) == len(studies)
        seconds = time.monotonic() - began
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert requests.get(f"{url}/studies", params={"offset": 0, "limit": 1}, timeout=5).ok
    assert pages[0] <= len(studies) / web.PAGE + 2
    assert seconds < 30, "with the tracing of memory, which is slow"
    assert peak < 30e6, "a page at a time; the ids of all"
