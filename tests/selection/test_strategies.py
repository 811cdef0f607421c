from __future__ import annotations

import random

from gliolabel.selection import Candidate, most_uncertain, random_case, sequential
from gliolabel.selection.candidates import worst_region


def test_nothing_to_do() -> None:
    assert sequential([]) is None
    assert most_uncertain([]) is None
    assert random_case([], generator=random.Random(0)) is None


def test_sequential_goes_on_and_starts_again_with_the_oldest() -> None:
    assert sequential([Candidate("a"), Candidate("b")]).case_id == "a"
    assert sequential([Candidate("a", last_offered=5), Candidate("b")]).case_id == "b"
    assert sequential([Candidate("a", last_offered=7), Candidate("b", last_offered=6)]).case_id == "b"


def test_random_offers_all_alike_but_new_ones_first() -> None:
    generator = random.Random(0)
    candidates = [Candidate("old", last_offered=1), *(Candidate(name) for name in "abc")]
    offered = [random_case(candidates, generator=generator).case_id for _ in range(300)]
    assert {name: offered.count(name) > 60 for name in "abc"} == dict.fromkeys("abc", True)
    assert "old" not in offered


def test_most_uncertain_takes_the_highest_disagreement() -> None:
    candidates = [
        Candidate("a", disagreement=0.1, region="WT"),
        Candidate("b", disagreement=0.4, region="ET"),
        Candidate("c", disagreement=0.9, region="ET", last_offered=3),
    ]
    choice = most_uncertain(candidates)
    assert choice.case_id == "b"
    assert choice.reason == "ET disagreement 0.40, rank 2 of 3 scored, 3 to do"


def test_a_case_without_a_map_counts_as_the_median() -> None:
    scored = [Candidate("a", disagreement=0.1), Candidate("b", disagreement=0.3), Candidate("c", disagreement=0.5)]
    assert most_uncertain([*scored, Candidate("new")]).case_id == "c"
    remaining = [scored[0], scored[1], Candidate("new")]  # median 0.2
    assert most_uncertain(remaining).case_id == "b"
    assert most_uncertain([scored[0], Candidate("new")]).case_id == "new", "before another of the same value"
    assert "median of 1 scored" in most_uncertain([scored[0], Candidate("new")]).reason


def test_without_any_map_the_order_decides_and_the_reason_says_so() -> None:
    choice = most_uncertain([Candidate("b"), Candidate("a")])
    assert choice.case_id == "b"
    assert "no case is scored" in choice.reason


def test_worst_region() -> None:
    assert worst_region({}) is None
    assert worst_region({"WT": {"pairwise_dice": None}}) is None
    region, value = worst_region({"WT": {"pairwise_dice": 0.9}, "ET": {"pairwise_dice": 0.6}, "TC": {}})
    assert region == "ET"
    assert abs(value - 0.4) < 1e-9
