"""Who is locked, who may be chosen, and how the strategies choose: before anything is trained."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gliolabel.errors import InputError
from gliolabel.selection import Candidate, most_uncertain
from gliolabel.selection_study.design import STRATEGIES, Design, draw, lockable
from gliolabel.selection_study.picking import pick

PATIENTS = {f"case-{number}": f"patient-{number}" for number in range(24)}


@given(st.integers(0, 10_000))
def test_a_repetition_locks_patients_of_one_half_and_starts_with_others(seed: int) -> None:
    one = draw(PATIENTS, Design(), seed=seed)
    assert (len(one.locked), len(one.pool), len(one.first)) == (6, 18, 4)
    assert set(one.locked).isdisjoint(one.pool)
    assert set(one.first) <= set(one.pool)
    assert {PATIENTS[case_id] for case_id in one.locked} <= set(lockable(PATIENTS))
    shuffled = dict(random.Random(seed).sample(sorted(PATIENTS.items()), len(PATIENTS)))
    assert draw(shuffled, Design(), seed=seed) == one, "the order of the folder does not matter"


def test_repetitions_differ() -> None:
    draws = [draw(PATIENTS, Design(), seed=seed) for seed in range(8)]
    assert len({one.locked for one in draws}) > 4
    assert len({one.first for one in draws}) == 8


def test_both_cases_of_a_patient_are_locked_together() -> None:
    patients = {f"case-{number}": f"patient-{number // 2}" for number in range(24)}
    for seed in range(20):
        one = draw(patients, Design(), seed=seed)
        assert {patients[case_id] for case_id in one.locked}.isdisjoint(patients[case_id] for case_id in one.pool)
        assert len(one.locked) == 6


@pytest.mark.parametrize("budgets", [(4,), (), (4, 4), (8, 4), (0, 4)])
def test_budgets_that_do_not_ascend_are_refused(budgets: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="--budgets"):
        Design(budgets=budgets)


def test_too_few_patients_are_refused() -> None:
    with pytest.raises(InputError, match="no budget above what is left"):
        draw(PATIENTS, Design(budgets=(4, 19)), seed=0)
    with pytest.raises(InputError, match="at least 4 patients"):
        draw({"a": "a", "b": "b", "c": "c"}, Design(budgets=(1, 2)), seed=0)


def to_do(count: int) -> list[Candidate]:
    return [Candidate(f"case-{n}", disagreement=(n * 5 % count) / count, region="tumour", volume_ml=float(n)) for n in range(count)]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_choices_are_new_and_follow_from_the_seed(strategy: str) -> None:
    cases = to_do(14)
    labels = {f"case-{n}": float(n) for n in range(30)}

    def chosen(seed: int) -> list[str]:
        found = pick(strategy, to_do=cases, done=["case-20", "case-21"], label_ml=labels, count=6, generator=random.Random(seed))
        assert all(choice.reason for choice in found)
        return [choice.case_id for choice in found]

    first = chosen(0)
    assert len(set(first)) == 6
    assert set(first) <= {case.case_id for case in cases}
    assert chosen(0) == first
    assert (len({tuple(chosen(seed)) for seed in range(10)}) > 1) is (strategy != "most_uncertain")


def test_most_uncertain_takes_what_the_product_would_offer_one_after_the_other() -> None:
    left, expected = to_do(14), []
    for _ in range(4):
        choice = most_uncertain(left)
        assert choice is not None
        expected.append(choice)
        left = [case for case in left if case.case_id != choice.case_id]
    assert (
        pick(
            "most_uncertain", to_do=to_do(14), done=[], label_ml={f"case-{n}": 0.0 for n in range(14)}, count=4, generator=random.Random(0)
        )
        == expected
    )
    assert expected[0].reason == "tumour disagreement 0.93, rank 1 of 14"
    assert expected[3].reason == "tumour disagreement 0.71, rank 1 of 11"


def test_stratified_random_counts_what_it_has_chosen_as_done() -> None:
    # Three sizes, five cases each, no label yet: of nine choices each size gets three.
    cases = [Candidate(f"case-{n}", disagreement=0.5, volume_ml=float(10 * (n % 3) + 1)) for n in range(15)]
    labels = {f"case-{n}": float(10 * (n % 3) + 1) for n in range(15)}
    for seed in range(5):
        chosen = pick("stratified_random", to_do=cases, done=[], label_ml=labels, count=9, generator=random.Random(seed))
        sizes = [int(choice.case_id.rsplit("-", 1)[1]) % 3 for choice in chosen]
        assert sorted(sizes) == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_asking_for_more_than_there_is_is_an_error() -> None:
    with pytest.raises(ValueError, match="15 cases are to be chosen of 14"):
        pick(
            "random",
            to_do=to_do(14),
            done=[],
            label_ml=dict.fromkeys((f"case-{n}" for n in range(14)), 0.0),
            count=15,
            generator=random.Random(0),
        )
