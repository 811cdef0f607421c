"""What is to be sent is not forgotten, comes in its turn, and is sent again only when somebody asks."""

from __future__ import annotations

from pathlib import Path

import pytest

from gliolabel.state import Database, StateFolder
from gliolabel.state.audit import AuditLog
from gliolabel.state.labels import FINAL, LabelStore
from gliolabel.state.outbox import Outbox, add_sending

OBJECTS = [{"kind": "segmentation", "uid": "2.25.1"}]


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(StateFolder(tmp_path / "state").create())


@pytest.fixture
def outbox(database: Database) -> Outbox:
    return Outbox(database)


def add(outbox: Outbox, case_id: str, version: int = 1) -> None:
    outbox.add(case_id, what=FINAL, version=version, actor="ann")


def test_the_longest_waiting_is_next_and_a_failed_one_lets_others_pass(outbox: Outbox) -> None:
    assert outbox.next_due() is None
    for case_id in ("a", "b", "c"):
        add(outbox, case_id)
    first = outbox.next_due()
    assert first is not None
    assert first.case_id == "a"
    outbox.put_off(first, seconds=60, error="The PACS is away")
    second = outbox.next_due()
    assert second is not None
    assert second.case_id == "b"
    outbox.give_up(second, error="no DICOM")
    third = outbox.next_due()
    assert third is not None
    outbox.done(third, place="http://pacs/rs", objects=OBJECTS)
    assert outbox.next_due() is None
    assert outbox.counts() == {"waiting": 1, "failed": 1, "sent": 1}
    assert outbox.last_error() == "The PACS is away"
    assert [row.tries for row in (*outbox.of("a"), *outbox.of("b"), *outbox.of("c"))] == [1, 1, 1]


def test_what_waits_outlives_the_process_and_comes_when_it_is_time(database: Database, outbox: Outbox) -> None:
    add(outbox, "a")
    row = outbox.next_due()
    assert row is not None
    outbox.put_off(row, seconds=-1, error="away")
    database.close()
    again = Outbox(Database(database.folder)).next_due()
    assert again is not None
    assert (again.case_id, again.tries, again.error) == ("a", 1, "away")


def test_asking_twice_is_one_sending_and_asking_again_sends_again(outbox: Outbox) -> None:
    add(outbox, "a")
    add(outbox, "a")
    add(outbox, "a", version=2)
    assert outbox.counts()["waiting"] == 2
    row = outbox.next_due()
    assert row is not None
    add(outbox, "a")  # while it is being sent
    outbox.done(row, place="p", objects=OBJECTS)
    assert outbox.counts() == {"waiting": 2, "failed": 0, "sent": 0}, "what was asked for meanwhile is still to be done"
    outbox.record("a", what=FINAL, version=1, actor="ben", place="p", objects=OBJECTS)
    assert outbox.counts() == {"waiting": 1, "failed": 0, "sent": 1}


def test_a_sending_is_in_the_audit_log(database: Database, outbox: Outbox) -> None:
    outbox.record("a", what=FINAL, version=3, actor="ben", place="http://pacs/rs", objects=OBJECTS)
    (event,) = AuditLog(database).entries(event="results sent")
    assert (event.actor, event.case_id) == ("ben", "a")
    assert event.details == {"what": "final", "label_version": 3, "place": "http://pacs/rs", "objects": OBJECTS}


def test_a_label_and_its_sending_are_stored_together_or_not_at_all(database: Database, outbox: Outbox) -> None:
    labels = LabelStore(database)

    def write(path: Path) -> None:
        path.write_bytes(b"label")

    def fails(session: object, row: object) -> None:
        add_sending(session, "a", what=FINAL, version=1, actor="ann")  # type: ignore[arg-type]
        raise RuntimeError("the power is gone")

    with pytest.raises(RuntimeError):
        labels.add("a", tag=FINAL, write=write, with_it=fails)
    assert labels.newest("a", FINAL) is None
    assert outbox.next_due() is None
    labels.add(
        "a", tag=FINAL, write=write, with_it=lambda session, row: add_sending(session, "a", what=FINAL, version=row.version, actor="ann")
    )
    row = outbox.next_due()
    assert row is not None
    assert row.version == 1
