"""Results on their way: made from the state, sent once, again and again while the PACS is away, and named when it refuses."""

from __future__ import annotations

import contextlib
import json
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from tests.dicom.conftest import Volumes
from tests.dicom.written import MODEL, Written, classic, keep, mask_of, uncertainty_like
from tests.labelserver.conftest import wait_until

from gliolabel.dicom.results.delivery import Delivery, destination_of
from gliolabel.dicom.results.destinations import FolderDestination, PacsDestination
from gliolabel.dicom.results.gathering import Gathering
from gliolabel.dicom.results.result import Algorithm, Made
from gliolabel.dicom.web import DicomWeb, PacsError
from gliolabel.errors import InputError, UnavailableError, UnknownError
from gliolabel.labelserver import sending as sending_module
from gliolabel.labelserver.sending import Sending
from gliolabel.phantoms import make_phantom
from gliolabel.state import Database, StateFolder
from gliolabel.state.labels import FINAL
from gliolabel.state.outbox import Outbox
from gliolabel.studies import open_studies


@pytest.fixture(scope="module")
def mask() -> np.ndarray:
    return make_phantom(shape=(18, 30, 24), seed=3).labels.astype(np.uint8)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, volumes: Volumes) -> Written:
    return classic(tmp_path_factory.mktemp("study"), volumes)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(StateFolder(tmp_path / "state").create())
    yield opened
    opened.close()


@dataclass
class Archive:
    """The least that a PACS with STOW-RS answers, on a real socket.

    Args:
        refusal: a status and DICOM's reason with which every object is refused; None: it is stored.
    """

    refusal: tuple[int, int] | None = None
    stored: dict[str, Dataset] = field(default_factory=dict)
    posts: int = 0
    url: str = ""

    def take(self, kind: str, body: bytes) -> tuple[int, bytes]:
        self.posts += 1
        message = BytesParser().parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + body)
        (part,) = message.get_payload()  # type: ignore[misc]
        made = pydicom.dcmread(BytesIO(part.get_payload(decode=True)))  # type: ignore[union-attr]
        if self.refusal is None:
            self.stored[str(made.SOPInstanceUID)] = made
            return 200, b"{}"
        status, reason = self.refusal
        failed = {"00081155": {"vr": "UI", "Value": [str(made.SOPInstanceUID)]}, "00081197": {"vr": "US", "Value": [reason]}}
        return status, json.dumps({"00081198": {"vr": "SQ", "Value": [failed]}} if reason else {}).encode()

    def find(self, uid: str) -> bytes:
        return json.dumps([{"00080018": {"vr": "UI", "Value": [uid]}}] if uid in self.stored else []).encode()

    @contextlib.contextmanager
    def listening(self) -> Iterator[Archive]:
        archive = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.reply(200, archive.find(parse_qs(urlsplit(self.path).query)["SOPInstanceUID"][0]))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.reply(*archive.take(self.headers["Content-Type"], body))

            def reply(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/dicom+json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        port = int(self.url.rpartition(":")[2].partition("/")[0]) if self.url else 0
        with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
            self.url = f"http://127.0.0.1:{server.server_port}/rs"
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield self
            server.shutdown()


def delivery_to(archive: Archive, written: Written, database: Database) -> Delivery:
    return Delivery(written.store, Gathering(database), PacsDestination(DicomWeb(archive.url)))


def test_the_newest_accepted_label_is_sent_with_the_uncertainty_of_its_model(
    database: Database, written: Written, mask: np.ndarray
) -> None:
    gathering = Gathering(database)
    grid = written.sources["t1ce"].grid
    with pytest.raises(UnknownError, match="has no accepted label"):
        gathering.result(written.case_id)
    keep(database, written.case_id, np.zeros_like(mask), grid)
    keep(database, written.case_id, mask, grid)
    result = gathering.result(written.case_id)
    assert (result.name, result.number, result.made, result.algorithm) == ("final 2", 2, Made.SEMIAUTOMATIC, MODEL)
    assert np.array_equal(result.mask, mask)
    assert result.uncertainty is not None
    assert np.array_equal(result.uncertainty.values, uncertainty_like(mask))
    assert not gathering.result(written.case_id, version=1).mask.any()
    model = gathering.result(written.case_id, "model")
    assert (model.name, model.made, model.algorithm) == ("model", Made.AUTOMATIC, MODEL)
    assert gathering.cases() == gathering.cases("model") == {written.case_id}

    keep(database, written.case_id, mask, grid, model=Algorithm("unet3d", "site-2"))
    assert gathering.result(written.case_id).uncertainty is None, "the map is of another version"
    keep(database, written.case_id, mask, grid, model=None)
    result = gathering.result(written.case_id)
    assert (result.made, result.algorithm, result.uncertainty) == (Made.MANUAL, None, None)


def test_sending_twice_stores_each_object_once(database: Database, written: Written, mask: np.ndarray) -> None:
    keep(database, written.case_id, mask, written.sources["t1ce"].grid)
    with Archive().listening() as archive:
        delivery = delivery_to(archive, written, database)
        assert len(delivery.send(written.case_id, pretend=True).new) == 3
        assert archive.posts == 0
        first = delivery.send(written.case_id)
        assert {one.uid for one in first.objects} == archive.stored.keys()
        again = delivery.send(written.case_id)
        assert [one.uid for one in again.objects] == [one.uid for one in first.objects]
        assert again.new == []
        assert archive.posts == 3
    assert np.array_equal(mask_of(archive.stored[first.objects[0].uid], written.sources["t1ce"]), mask)


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        ((409, 0x0111), ""),  # it is there already: some say so instead of storing it again
        ((202, 0xA700), r"refuses a result \(DICOM failure reason A700H\)"),
        ((409, 0), "answered 409"),
        ((403, 0), "answered 403 .*MONAI_LABEL_DICOMWEB_USERNAME"),
        ((302, 0), "answered 302"),
    ],
)
def test_what_a_pacs_says_to_an_object(
    database: Database, written: Written, mask: np.ndarray, refusal: tuple[int, int], words: str
) -> None:
    keep(database, written.case_id, mask, written.sources["t1ce"].grid)
    with Archive(refusal=refusal).listening() as archive:
        delivery = delivery_to(archive, written, database)
        if not words:
            delivery.send(written.case_id)
            return
        with pytest.raises(PacsError, match=words) as error:
            delivery.send(written.case_id)
    assert written.study not in str(error.value)


def test_a_folder_takes_files_whole_or_not_at_all(database: Database, written: Written, mask: np.ndarray, tmp_path: Path) -> None:
    keep(database, written.case_id, mask, written.sources["t1ce"].grid)
    destination = destination_of(written.store, folder=tmp_path / "results")
    assert isinstance(destination, FolderDestination)
    delivery = Delivery(written.store, Gathering(database), destination)
    delivery.send(written.case_id)
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "results").rglob("*.dcm")}
    assert sorted(path.name.partition("-")[0] for path in files) == ["report", "segmentation", "uncertainty"]
    assert {path.parent.name for path in files} == {written.case_id}
    assert delivery.send(written.case_id).new == []
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "results").rglob("*") if path.is_file()} == files
    (tmp_path / "full").write_text("no folder")
    with pytest.raises(UnavailableError, match="cannot be stored"):
        Delivery(written.store, Gathering(database), FolderDestination(tmp_path / "full")).send(written.case_id)
    with pytest.raises(InputError, match="no DICOM"):
        destination_of(open_studies(tmp_path / "results-of-nothing"), folder=tmp_path)


@pytest.fixture
def start(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Sending]]:
    """Starts senders that are quick to look and to try again."""
    monkeypatch.setattr(sending_module, "_LOOK_S", 0.05)
    monkeypatch.setattr(sending_module, "RETRY_S", (0.05, 0.1))
    monkeypatch.setattr(sending_module, "_MAP_S", (60.0, 0.05))
    started: list[Sending] = []

    def one(delivery: Delivery, **options: Callable[[str], bool]) -> Sending:
        started.append(Sending(Outbox(database), delivery, **options))
        started[-1].start()
        return started[-1]

    yield one
    for sending in started:
        sending.stop()


def test_a_pacs_that_is_away_is_tried_until_it_is_back(
    database: Database, written: Written, mask: np.ndarray, start: Callable[..., Sending], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    keep(database, written.case_id, mask, written.sources["t1ce"].grid)
    archive = Archive()
    with archive.listening():
        pass  # its port is known, and nobody listens
    sending = start(delivery_to(archive, written, database))
    sending.ask(written.case_id, what=FINAL, version=1, actor="ann")
    wait_until(lambda: sending.of(written.case_id)[0]["tries"] >= 2, seconds=30)
    (told,) = sending.of(written.case_id)
    assert told["state"] == "waiting"
    assert "cannot be reached" in told["error"]
    assert sending.sentence().startswith("1 results wait to be sent: The PACS at")
    sending.stop()  # the server is restarted meanwhile
    with archive.listening():
        after = start(delivery_to(archive, written, database))
        wait_until(lambda: after.of(written.case_id)[0]["state"] == "sent", seconds=30)
    assert len(archive.stored) == 3
    assert after.counts() == {"waiting": 0, "failed": 0, "sent": 1}
    assert after.sentence() == ""
    spoken = [record.getMessage() for record in caplog.records if record.name == "gliolabel.labelserver.sending"]
    assert sum("is not sent yet" in text for text in spoken) == 1, "said once, not at every try"
    assert spoken[-1] == f"case {written.case_id}: the result final 1 is sent: segmentation, uncertainty, report"
    everything = "\n".join(record.getMessage() for record in caplog.records)
    for secret in ("Mustermann", "4711", written.study):
        assert secret not in everything, secret


def test_a_result_that_cannot_be_made_holds_up_no_other(
    database: Database, written: Written, mask: np.ndarray, start: Callable[..., Sending], monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(database, "study-gone", mask, written.sources["t1ce"].grid)
    keep(database, written.case_id, mask, written.sources["t1ce"].grid)
    with Archive().listening() as archive:
        sending = start(delivery_to(archive, written, database))
        sending.ask("study-gone", what=FINAL, version=1, actor="ann")
        sending.ask(written.case_id, what="model", version=0, actor="ann")
        wait_until(lambda: sending.counts() == {"waiting": 0, "failed": 1, "sent": 1}, seconds=30)
        (told,) = sending.of("study-gone")
        assert told["state"] == "failed"
        assert "is not in" in told["error"]
        assert "1 results cannot be sent" in sending.sentence()
        # A mistake of the program, say: it is named by its kind, since its message may name a patient.
        monkeypatch.setattr(Gathering, "result", lambda *_, **__: 1 / 0)
        sending.ask(written.case_id, what=FINAL, version=1, actor="ann")
        wait_until(lambda: sending.counts()["failed"] == 2, seconds=30)
        assert sending.of(written.case_id)[-1]["error"] == "the objects cannot be made (ZeroDivisionError)"


def test_a_submission_waits_for_the_map_of_its_case(
    database: Database, written: Written, mask: np.ndarray, start: Callable[..., Sending]
) -> None:
    keep(database, written.case_id, mask, written.sources["t1ce"].grid)
    coming = threading.Event()
    with Archive().listening() as archive:
        sending = start(delivery_to(archive, written, database), map_comes=lambda case_id: not coming.is_set())
        sending.ask(written.case_id, what=FINAL, version=1, actor="ann")
        assert not coming.wait(0.5)
        assert archive.posts == 0
        assert sending.of(written.case_id)[0]["tries"] == 0, "waiting is no failure"
        coming.set()
        wait_until(lambda: len(archive.stored) == 3, seconds=30)
