"""Which case comes when."""

from __future__ import annotations

import pytest

from gliolabel.errors import InputError
from gliolabel.training.week import plan_week

PATIENTS = {f"case-{number}": f"patient-{number % 20}" for number in range(22)}


def test_every_patient_is_in_one_place_at_most() -> None:
    plan = plan_week(PATIENTS)
    dealt = [*plan.first, *sum(plan.rounds, ()), *plan.locked]
    assert len({PATIENTS[case_id] for case_id in dealt}) == len(dealt) == 20


def test_the_seed_decides_and_the_order_of_files_does_not() -> None:
    again = plan_week(dict(reversed(PATIENTS.items())))
    assert plan_week(PATIENTS) == again
    assert plan_week(PATIENTS, seed=1) != again


def test_a_shorter_week_is_judged_on_the_same_cases() -> None:
    assert plan_week(PATIENTS, rounds=1).locked == plan_week(PATIENTS).locked


def test_too_few_patients_are_counted() -> None:
    with pytest.raises(InputError, match="needs 24 patients with a label; there are 20"):
        plan_week(PATIENTS, rounds=4)
