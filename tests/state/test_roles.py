"""Roles: fixed at first sight, one per patient, in their shares, whatever comes later."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gliolabel.errors import InputError
from gliolabel.state import Database, StateFolder
from gliolabel.state.audit import AuditLog
from gliolabel.state.roles import SHARES, Role, Roles, deal, refuse_locked, stratum_of


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(StateFolder(tmp_path / "state").create())


@pytest.fixture
def roles(database: Database) -> Roles:
    return Roles(database)


def add(roles: Roles, count: int, *, start: int = 0, volume: float | None = 80.0) -> dict[str, Role]:
    ids = [f"Case_{number:03d}" for number in range(start, start + count)]
    return {case_id: roles.assign(case_id, patient=case_id, volume_ml=volume, trained_on=False) for case_id in ids}


def test_a_patient_has_one_name_which_nobody_can_try_out_elsewhere(roles: Roles, database: Database, tmp_path: Path) -> None:
    name = roles.patient("4711")
    assert name == Roles(Database(database.folder)).patient("4711") != roles.patient("4712")
    assert "4711" not in name
    other = Roles(Database(StateFolder(tmp_path / "other").create()))
    assert other.patient("4711") != name
    # What the database knows without its key does not tell it either.
    assert hashlib.sha256(b"4711").hexdigest()[:12] not in name


def test_a_role_stays_whatever_comes_later(roles: Roles) -> None:
    first = add(roles, 12)
    add(roles, 30, start=12, volume=10.0)
    add(roles, 30, start=42)
    assert add(roles, 12) == first
    assert {case_id: Role(row.role) for case_id, row in roles.all().items() if case_id in first} == first
    # Nor does another volume, which a correction brings.
    assert add(roles, 12, volume=500.0) == first
    assert roles.of("Case_000").stratum == stratum_of(80.0)
    assert roles.of("nobody") is None


def test_the_same_cases_in_the_same_order_get_the_same_roles(roles: Roles, tmp_path: Path) -> None:
    again = Roles(Database(StateFolder(tmp_path / "again").create()))
    assert add(roles, 25) == add(again, 25)


def test_two_scans_of_one_patient_share_a_role(roles: Roles) -> None:
    add(roles, 10)
    for number in range(10):
        row = roles.of(f"Case_{number:03d}")
        role = roles.assign(f"Case_{number:03d}-b", patient=row.patient, volume_ml=400.0, trained_on=False)
        assert role == row.role
        assert row.case_id in roles.of(f"Case_{number:03d}-b").reason
    # The second scans took nobody's place.
    assert Counter(row.role for row in roles.all().values() if row.dealt) == Counter(row.role for row in list(roles.all().values())[::2])


def test_a_case_of_a_training_list_is_for_training_for_ever(roles: Roles, database: Database) -> None:
    for number in range(8):
        assert roles.assign(f"Old_{number}", patient=f"Old_{number}", volume_ml=80.0, trained_on=True) is Role.TRAIN
    assert roles.assign("Old_0", patient="Old_0", volume_ml=80.0, trained_on=False) is Role.TRAIN
    assert "training list" in roles.of("Old_0").reason
    # They take no share from the cases that are free: of twenty, twelve are still for training.
    counted = Counter(add(roles, 20).values())
    assert abs(counted[Role.TRAIN] - 12) <= 1
    locked = next(case_id for case_id, row in roles.all().items() if row.role == Role.LOCKED)
    roles.assign(f"{locked}-b", patient=locked, volume_ml=80.0, trained_on=False)
    # A model that saw one scan has seen the patient.
    assert roles.assign(f"{locked}-c", patient=locked, volume_ml=80.0, trained_on=True) is Role.TRAIN
    assert {roles.of(f"{locked}{scan}").role for scan in ("", "-b", "-c")} == {Role.TRAIN}
    events = AuditLog(database).entries(event="role", case_id=locked)
    assert [entry.details["role"] for entry in events] == ["locked", "train"]
    assert events[1].details["before"] == "locked"


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.uuids()), min_size=1, max_size=60, unique=True))
def test_the_shares_hold_at_any_time_in_every_stratum_and_over_all(arrivals: list[tuple[str, object]]) -> None:
    strata: dict[str, Counter[Role]] = {}
    overall: Counter[Role] = Counter()
    for stratum, patient in arrivals:
        here = strata.setdefault(stratum, Counter())
        role = deal(str(patient), stratum=here, overall=overall)
        here[role] += 1
        overall[role] += 1
        for role, share in SHARES.items():
            assert abs(here[role] - share * here.total()) <= 1.5
            assert abs(overall[role] - share * overall.total()) <= 2.5
        if overall.total() >= 4:
            assert overall[Role.TRAIN] >= 1


def test_twenty_patients_are_divided_as_the_shares_say(roles: Roles) -> None:
    for number in range(20):
        roles.assign(f"P{number}", patient=f"P{number}", volume_ml=[20.0, 100.0, 200.0, None][number % 4], trained_on=False)
    counted = Counter(row.role for row in roles.all().values())
    assert abs(counted["train"] - 12) <= 1
    assert abs(counted["validation"] - 3) <= 1
    assert abs(counted["locked"] - 5) <= 1
    assert len({row.stratum for row in roles.all().values()}) == 4


def test_the_hash_decides_not_the_order(roles: Roles) -> None:
    """Whoever comes second is locked, or not, by who they are."""
    after_one = {Role.TRAIN: 1}
    seen = Counter(deal(f"P{number}", stratum=after_one, overall=after_one) for number in range(300))
    assert set(seen) == set(Role)


def test_two_threads_that_see_a_patient_at_once_agree(roles: Roles) -> None:
    found, errors = [], []

    def see(number: int) -> None:
        try:
            found.append(roles.assign(f"case-{number % 5}", patient="P", volume_ml=80.0, trained_on=False))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=see, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert len(set(found)) == 1
    assert len(roles.all()) == 5
    assert sum(row.dealt for row in roles.all().values()) == 1


def test_two_processes_agree_and_keep_the_shares(database: Database, roles: Roles) -> None:
    program = """
import sys
from pathlib import Path
from gliolabel.state import Database, StateFolder
from gliolabel.state.roles import Roles
roles = Roles(Database(StateFolder(Path(sys.argv[1]))))
for number in range(40):
    patient = f"P{number // 2}"
    role = roles.assign(f"case-{number}", patient=patient, volume_ml=80.0, trained_on=False)
    print(f"case-{number}", role)
"""
    command = [sys.executable, "-c", program, str(database.folder.path)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    outputs = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert len(set(outputs)) == 1
    assert len(outputs[0].splitlines()) == 40
    rows = roles.all()
    assert len({(row.patient, row.role) for row in rows.values()}) == 20
    counted = Counter(row.role for row in rows.values() if row.dealt)
    assert counted.total() == 20
    assert all(abs(counted[role] - 20 * share) <= 1.5 for role, share in SHARES.items())


def test_locked_cases_and_other_scans_of_their_patients_are_refused(roles: Roles) -> None:
    given_roles = add(roles, 10)
    locked = sorted(case_id for case_id, role in given_roles.items() if role is Role.LOCKED)
    free = sorted(set(given_roles) - set(locked))
    assert locked
    refuse_locked(free, roles)
    with pytest.raises(InputError, match=locked[0]):
        refuse_locked([*free, locked[0]], roles)
    # A scan that has no role yet, of a patient that has.
    new = {f"{locked[0]}-b": locked[0]}
    refuse_locked(new, roles)
    with pytest.raises(InputError, match="-b"):
        refuse_locked(new, roles, patients=new)
