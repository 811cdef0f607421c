from __future__ import annotations

import random
from collections import Counter

from gliolabel.selection import Candidate, Completed, available, most_uncertain, random_case, review, sequential, stratified_random
from gliolabel.selection.candidates import predicted_volumes, tumour_mix, worst_region


def test_nothing_to_do() -> None:
    assert sequential([]) is None
    assert most_uncertain([]) is None
    assert random_case([], generator=random.Random(0)) is None
    assert stratified_random([], generator=random.Random(0)) is None
    assert review([]) is None
    assert available([], held={}, passed={}) == ([], "")


def test_sequential_takes_the_first() -> None:
    choice = sequential([Candidate("b")], to_do=[Candidate("a"), Candidate("b")])
    assert (choice.case_id, choice.reason) == ("b", "next in order, 2 to do")


def test_random_offers_all_alike() -> None:
    generator = random.Random(0)
    candidates = [Candidate(name) for name in "abc"]
    offered = Counter(random_case(candidates, generator=generator).case_id for _ in range(300))
    assert all(offered[name] > 60 for name in "abc")


def test_most_uncertain_takes_the_highest_disagreement() -> None:
    candidates = [Candidate("a", disagreement=0.1, region="WT"), Candidate("b", disagreement=0.41, region="ET")]
    held = Candidate("c", disagreement=0.9, region="ET")
    choice = most_uncertain(candidates, to_do=[*candidates, held])
    assert choice.case_id == "b"
    assert choice.reason == "ET disagreement 0.41, rank 2 of 3"
    assert most_uncertain(candidates, to_do=[*candidates, held, Candidate("d")]).reason.endswith("rank 2 of 3 scored, 4 to do")


def test_a_case_that_is_not_scored_counts_as_the_median() -> None:
    scored = [Candidate("a", disagreement=0.1), Candidate("b", disagreement=0.3), Candidate("c", disagreement=0.5)]
    assert most_uncertain([*scored, Candidate("new")]).case_id == "c"
    remaining = [scored[0], scored[1], Candidate("new")]  # median 0.2
    assert most_uncertain(remaining).case_id == "b"
    assert most_uncertain([scored[0], Candidate("new")]).case_id == "new", "before another of the same value"
    assert "median of 1 scored" in most_uncertain([scored[0], Candidate("new")]).reason


def test_without_any_score_the_order_decides_and_the_reason_says_so() -> None:
    choice = most_uncertain([Candidate("b"), Candidate("a")])
    assert choice.case_id == "b"
    assert "no case is scored" in choice.reason


def test_nobody_is_offered_what_another_has_while_others_are_free() -> None:
    cases = [Candidate(name) for name in "abc"]
    assert [c.case_id for c in available(cases, held={"a": 5.0}, passed={})[0]] == ["b", "c"]
    assert [c.case_id for c in available(cases, held={"a": 5.0}, passed={"b": 9.0})[0]] == ["c"]
    left, note = available(cases, held={"a": 5.0}, passed={"b": 9.0, "c": 7.0})
    assert [c.case_id for c in left] == ["c"], "passed over longest ago"
    assert note
    left, note = available(cases, held={"a": 5.0, "b": 4.0, "c": 6.0}, passed={})
    assert [c.case_id for c in left] == ["b"], "out longest"
    assert "another reader" in note


def stratum(case_id: str, volume: float | None, share: float | None = None) -> Candidate:
    return Candidate(case_id, volume_ml=volume, enhancing_share=share)


def test_strata_are_served_alike_however_many_cases_they_hold() -> None:
    generator = random.Random(1)
    sizes = {"small": 2.0, "middle": 30.0, "large": 90.0}
    to_do = [stratum(f"{name}{i}", volume) for name, volume in sizes.items() for i in range(20)]
    to_do += [stratum(f"new{i}", None) for i in range(5)]
    done: list[Candidate] = []
    for _ in range(16):
        chosen = stratified_random(to_do, generator=generator, done=done).case_id
        done.append(next(c for c in to_do if c.case_id == chosen))
        to_do = [c for c in to_do if c.case_id != chosen]
    kinds = Counter(c.case_id.rstrip("0123456789") for c in done)
    assert kinds == {"small": 4, "middle": 4, "large": 4, "new": 4}


def test_the_rarest_mix_comes_first_and_the_reason_names_it() -> None:
    to_do = [stratum(f"c{i}", 10.0 + i, 0.3) for i in range(9)] + [stratum("none", 12.0, 0.0)]
    done = [stratum(f"d{i}", 10.0 + i, 0.3) for i in range(9)]
    choice = stratified_random(to_do, generator=random.Random(0), done=done)
    assert choice.case_id == "none"
    assert "no enhancement" in choice.reason
    assert "0 done, 1 to do" in choice.reason


def test_review_shows_the_largest_disagreement_of_label_and_model_first() -> None:
    good = Completed("good", dice=0.9, region="WT", submitted=1)
    bad = Completed("bad", dice=0.2, region="ET", submitted=9)
    seen = Completed("seen", dice=0.1, region="ET", reviewed=True)
    choice = review([good, bad, seen])
    assert choice.case_id == "bad"
    assert choice.reason == "label and model: ET Dice 0.20, rank 2 of 3"
    assert review([good, seen]).case_id == "good"
    assert "reviewed before" in review([seen]).reason


def test_review_takes_labels_that_are_not_compared_as_the_median_and_else_the_oldest() -> None:
    new, old = Completed("new", submitted=9), Completed("old", submitted=1)
    assert review([new, old]).case_id == "old"
    assert "oldest" in review([new, old]).reason
    compared = [Completed("a", dice=0.2, region="WT"), Completed("b", dice=0.8, region="WT")]
    assert review([*compared, new]).case_id == "a"
    assert review([compared[1], new], completed=[*compared, new]).case_id == "new"


def test_worst_region() -> None:
    assert worst_region({}) is None
    assert worst_region({"WT": {"pairwise_dice": None}}) is None
    region, value = worst_region({"WT": {"pairwise_dice": 0.9}, "ET": {"pairwise_dice": 0.6}, "TC": {}})
    assert region == "ET"
    assert abs(value - 0.4) < 1e-9


def test_the_mix_of_a_tumour() -> None:
    volumes = predicted_volumes({"WT": {"volume_ml_p05": 10, "volume_ml_p95": 30}, "ET": {"volume_ml_p05": 5, "volume_ml_p95": 5}, "x": 1})
    assert volumes == {"WT": 20, "ET": 5}
    assert tumour_mix(volumes) == (20, 0.25)
    assert tumour_mix({"tumor": 3.0}) == (3.0, None)
    assert tumour_mix({}) == (None, None)
