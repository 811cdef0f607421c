from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gliolabel.state import Database, StateFolder
from gliolabel.state.cases import CaseNotes
from gliolabel.state.following import Follower
from gliolabel.state.leases import Leases, Standing
from gliolabel.state.tables import CaseRow, LeaseRow

CASES = [f"c{number:02d}" for number in range(24)]


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(StateFolder(tmp_path / "state").create())


def first_free(standing: Standing) -> str | None:
    return next((case_id for case_id in CASES if case_id not in standing.held and case_id not in standing.passed), None)


def test_two_readers_get_different_cases_and_asking_again_gives_the_first_back(database: Database) -> None:
    leases = Leases(database)
    assert leases.take("ann", first_free).case_id == "c00"
    assert leases.take("bob", first_free).case_id == "c01"
    assert leases.take("ann", first_free).case_id == "c02", "ann was offered c00 before, and bob has c01"
    assert set(leases.active()) == {"c01", "c02"}
    assert leases.take("cid", first_free).case_id == "c00", "ann gave it back"


def test_a_lease_expires(database: Database) -> None:
    time = [1000.0]
    leases = Leases(database, minutes=2, clock=lambda: time[0])
    lease = leases.take("ann", first_free, strategy="random")
    assert (lease.offered, lease.expires, lease.strategy) == (1000, 1120, "random")
    time[0] = 1119
    assert leases.take("bob", first_free).case_id == "c01"
    time[0] = 1121
    assert leases.take("cid", first_free).case_id == "c00"
    time[0] = 1e9
    leases.forget_old()
    with database.reading() as session:
        assert session.query(LeaseRow).count() == 0


def test_submission_ends_the_lease_and_says_whose_it_was(database: Database) -> None:
    leases = Leases(database)
    leases.take("ann", first_free, strategy="review")
    assert [lease.strategy for lease in leases.of("c00")] == ["review"]
    assert [lease.holder for lease in leases.end("c00")] == ["ann"]
    assert leases.end("c00") == []
    assert leases.active() == {}


def test_nothing_chosen_is_nothing_leased(database: Database) -> None:
    leases = Leases(database)
    leases.take("ann", first_free)
    assert leases.take("ann", lambda standing: None) is None
    assert leases.active() == {}, "asking gives back what was not submitted, also when nothing follows"


def test_a_choice_that_fails_changes_nothing(database: Database) -> None:
    leases = Leases(database)
    leases.take("ann", first_free)

    def fail(standing: Standing) -> str:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        leases.take("ann", fail)
    assert set(leases.active()) == {"c00"}


#: What each process of the next test runs: six threads that ask at once.
TAKE = """
import sys, threading
from pathlib import Path
from gliolabel.state import Database, StateFolder
from gliolabel.state.leases import Leases

folder, holder, *cases = sys.argv[1:]
database = Database(StateFolder(Path(folder)))
found = []

def first_free(standing):
    return next((case for case in cases if case not in standing.held and case not in standing.passed), None)

def take(number):
    found.append(Leases(database).take(f"{holder}-{number}", first_free).case_id)

threads = [threading.Thread(target=take, args=(number,)) for number in range(6)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(",".join(found))
"""


def test_readers_of_many_threads_and_processes_never_get_the_same_case(database: Database) -> None:
    command = [sys.executable, "-c", TAKE, str(database.folder.path)]
    processes = [subprocess.Popen([*command, f"p{i}", *CASES], stdout=subprocess.PIPE, text=True) for i in range(4)]
    given = ",".join(process.communicate(timeout=120)[0].strip() for process in processes).split(",")
    assert sorted(given) == CASES


def test_what_is_kept_in_memory_follows_every_process_and_keeps_what_did_not_change(database: Database) -> None:
    notes = CaseNotes(database)
    other = CaseNotes(Database(database.folder))
    asked: list[object] = []

    def load(case_ids: object) -> dict[str, dict[str, object]]:
        asked.append(case_ids)
        return notes.all(case_ids)  # type: ignore[arg-type]

    follower = Follower(database, CaseRow, load)
    assert follower.current() == {}
    other.merge("a", {"x": 1})
    other.merge("b", {"x": 2})
    first = follower.current()
    assert first == {"a": {"x": 1}, "b": {"x": 2}}
    assert follower.current() is first
    other.merge("b", {"y": 3})
    second = follower.current()
    assert second["b"] == {"x": 2, "y": 3}
    assert second["a"] is first["a"]
    assert first["b"] == {"x": 2}, "an answer never changes"
    assert asked[-1] == ["b"]
    with database.writing() as session:
        session.delete(session.get(CaseRow, "a"))
    assert set(follower.current()) == {"b"}


def test_a_write_that_fails_is_not_followed(database: Database) -> None:
    follower = Follower(database, CaseRow, CaseNotes(database).all)
    before = follower.current()

    def fail() -> None:
        with database.writing() as session:
            session.add(CaseRow(case_id="a", info={}))
            session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert follower.current() is before


def test_a_database_from_before_gets_the_columns_that_came_since(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "state").create()
    database = Database(folder)
    with database.writing() as session:
        session.connection().exec_driver_sql("ALTER TABLE scores DROP COLUMN source")
        session.connection().exec_driver_sql(
            "INSERT INTO scores (case_id, model, version, passes, seed, scores, created) VALUES "
            "('a', 'm', '1', 20, 0, '{\"WT\": {\"pairwise_dice\": 0.5}}', '2025-01-01 00:00:00')"
        )
    database.close()
    from gliolabel.state.scores import ScoreStore

    row = ScoreStore(Database(folder)).scores(model="m", version="1")["a"]
    assert row.source is None
    assert row.scores["WT"] == {"pairwise_dice": 0.5}
