"""The audit log: what is in it stays in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from gliolabel.errors import InputError
from gliolabel.state import Database, StateFolder
from gliolabel.state.audit import AuditLog, add_event


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(StateFolder(tmp_path / "state").create())


def test_events_are_kept_in_order_and_found_by_what_they_are_about(database: Database) -> None:
    log = AuditLog(database)
    log.add("submission", actor="ann", case_id="A", model="unet3d", version="starter-1", details={"dice": {"WT": 0.9}})
    log.add("submission", actor="bob", case_id="B")
    log.add("promotion", actor="ann", model="unet3d", version="site-1", reason="measured better")
    assert [(row.event, row.actor) for row in log.entries()] == [("submission", "ann"), ("submission", "bob"), ("promotion", "ann")]
    assert [row.case_id for row in log.entries(event="submission")] == ["A", "B"]
    assert [row.event for row in log.entries(actor="ann")] == ["submission", "promotion"]
    assert [row.actor for row in log.entries(model="unet3d", version="site-1")] == ["ann"]
    assert [row.event for row in log.entries(case_id="B")] == ["submission"]
    assert [row.event for row in log.entries(limit=2)] == ["submission", "promotion"]
    first = log.entries()[0]
    assert first.details == {"dice": {"WT": 0.9}}
    assert first.created.tzinfo is not None


def test_events_are_found_by_time(database: Database) -> None:
    log = AuditLog(database)
    log.add("submission", actor="ann", case_id="A")
    between = datetime.now(UTC)
    log.add("submission", actor="ann", case_id="B")
    assert [row.case_id for row in log.entries(since=between)] == ["B"]
    assert [row.case_id for row in log.entries(until=between)] == ["A"]
    # In another time zone it is the same moment.
    elsewhere = between.astimezone(timezone(timedelta(hours=-7)))
    assert [row.case_id for row in log.entries(since=elsewhere)] == ["B"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'nobody'",
        "DELETE FROM audit",
        "DELETE FROM audit WHERE id = 1",
        "INSERT OR REPLACE INTO audit (id, created, event, actor, case_id, model, version, reason, details) "
        "VALUES (1, '2020-01-01', 'submission', 'nobody', '', '', '', '', '{}')",
    ],
)
def test_the_database_refuses_to_change_what_is_there(database: Database, statement: str) -> None:
    log = AuditLog(database)
    log.add("submission", actor="ann", case_id="A")
    # Also in a database that was opened before, by another process.
    again = Database(database.folder)
    for place in (database, again):
        with pytest.raises(IntegrityError, match="can only be added to"), place.writing() as session:
            session.connection().exec_driver_sql(statement)
    assert [row.actor for row in log.entries()] == ["ann"]


def test_the_log_comes_to_a_state_folder_of_before(database: Database) -> None:
    with database.writing() as session:
        for table in ("audit", "roles"):
            session.connection().exec_driver_sql(f"DROP TABLE {table}")
    log = AuditLog(Database(database.folder))
    log.add("role", actor="ann", case_id="A")
    with pytest.raises(IntegrityError), database.writing() as session:
        session.connection().exec_driver_sql("DELETE FROM audit")


def test_an_event_of_a_transaction_that_fails_is_not_there(database: Database) -> None:
    def fail() -> None:
        with database.writing() as session:
            add_event(session, "submission", actor="ann", case_id="A")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert AuditLog(database).entries() == []


def test_unknown_events_and_nameless_actors_are_refused(database: Database) -> None:
    log = AuditLog(database)
    with pytest.raises(InputError, match=r"'submitted'.*submission"):
        log.add("submitted", actor="ann")
    with pytest.raises(InputError, match="no actor"):
        log.add("submission", actor="")
    with pytest.raises(InputError):
        log.entries(event="submitted")
