"""The decision on made-up measures: every rule decides on its own, chance decides nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy.stats import bootstrap

from gliolabel.errors import InputError
from gliolabel.training.gate import CaseMeasures, GateCriteria, Verdict, judge, load_criteria

#: Enough patients for the packaged criteria.
MANY = 24


@pytest.fixture
def criteria() -> GateCriteria:
    return load_criteria()


@pytest.fixture
def decide(made_up: ModuleType, criteria: GateCriteria) -> Callable[..., Verdict]:
    """``decide(challenger)`` against an ordinary champion of as many cases."""

    def run(challenger: list[CaseMeasures], **changes: Any) -> Verdict:
        return judge(made_up.cases(len(challenger)), challenger, criteria.model_copy(update=changes))

    return run


def failed(verdict: Verdict) -> set[str]:
    return {check.name for check in verdict.failed}


def test_the_same_again_is_no_worse(made_up: ModuleType, decide: Callable[..., Verdict]) -> None:
    verdict = decide(made_up.cases(MANY))
    assert verdict.decision == "promote"
    assert all(check.passed for check in verdict.checks)
    assert verdict.sentence.startswith("Accepted: all ")
    assert "0.875 to 0.875 (+0.0000); it does not fall." in verdict.sentence


def test_a_better_one_is_promoted(made_up: ModuleType, decide: Callable[..., Verdict]) -> None:
    verdict = decide(made_up.cases(MANY, shift=0.02))
    assert verdict.decision == "promote"
    assert "0.875 to 0.895 (+0.0200)" in verdict.sentence


def test_a_worse_primary_metric_alone_refuses(made_up: ModuleType, decide: Callable[..., Verdict]) -> None:
    verdict = decide(made_up.cases(MANY, shift=-0.001))
    assert verdict.decision == "refuse"
    assert failed(verdict) == {"primary metric"}
    assert verdict.sentence.startswith("Refused: Mean Dice of WT, TC, ET 0.875 to 0.874 (-0.0010); it must not fall.")


def test_one_region_alone_refuses(made_up: ModuleType, decide: Callable[..., Verdict]) -> None:
    # ET falls by 0.03 in every case, WT and TC rise by more: the mean is better.
    levels = np.linspace(0.80, 0.95, MANY)
    challenger = [made_up.case(f"case{i:03d}", dice={"WT": d + 0.03, "TC": d + 0.03, "ET": d - 0.03}) for i, d in enumerate(levels)]
    verdict = decide(challenger)
    assert verdict.decision == "refuse"
    assert failed(verdict) == {"Dice ET"}
    assert "ET Dice 0.875 to 0.845 in 24 cases (-0.030" in verdict.sentence
    assert "it may not fall by more than 0.02" in verdict.sentence


def test_a_fall_that_cannot_be_ruled_out_refuses(made_up: ModuleType, decide: Callable[..., Verdict]) -> None:
    # Better on average, but so scattered that nobody knows.
    shifts = [0.049 if i % 2 else -0.045 for i in range(MANY)]
    scattered = made_up.cases(MANY, shift=[s * 2 for s in shifts])
    verdict = decide(scattered, floor={"WT": 0.0, "TC": 0.0, "ET": 0.0})
    assert failed(verdict) == {"Dice WT", "Dice TC", "Dice ET"}
    assert "a fall of more than 0.02 cannot be ruled out" in verdict.sentence


def test_the_lower_end_agrees_with_scipy(made_up: ModuleType, criteria: GateCriteria) -> None:
    shifts = np.random.default_rng(5).normal(0.01, 0.03, MANY)
    verdict = judge(made_up.cases(MANY), made_up.cases(MANY, shift=shifts), criteria, seed=3)
    low = next(check.value for check in verdict.checks if check.name == "Dice WT")
    expected = bootstrap((shifts,), np.mean, method="percentile", confidence_level=0.95, n_resamples=10_000, random_state=1)
    assert low == pytest.approx(expected.confidence_interval.low, abs=4e-4)


def test_confidence_moves_the_lower_end(made_up: ModuleType, criteria: GateCriteria) -> None:
    shifts = np.random.default_rng(5).normal(0.0, 0.03, MANY)
    lows = []
    for confidence in (0.5, 0.9, 0.99):
        verdict = judge(made_up.cases(MANY), made_up.cases(MANY, shift=shifts), criteria.model_copy(update={"confidence": confidence}))
        lows.append(next(check.value for check in verdict.checks if check.name == "Dice WT"))
    assert lows[0] > lows[1] > lows[2]


def test_two_scans_of_a_patient_are_not_two_patients(made_up: ModuleType, criteria: GateCriteria) -> None:
    def of(shift: float) -> list[CaseMeasures]:
        return [made_up.case(f"case{i:03d}", dice=0.85 + shift, patient=f"patient{i // 2}") for i in range(MANY)]

    verdict = judge(of(0), of(0.01), criteria)
    assert verdict.decision == "unproven"
    assert failed(verdict) == {"patients"}
    assert "12 locked patients that neither version was trained on; 20 are needed." in verdict.sentence


def test_the_sentence_names_the_region_that_fell_most(made_up: ModuleType, decide: Callable[..., Verdict]) -> None:
    verdict = decide([made_up.case(f"case{i:03d}", dice={"WT": 0.8, "TC": 0.2, "ET": 0.6}) for i in range(MANY)])
    assert verdict.sentence.startswith("Refused: TC Dice 0.875 to 0.200 in 24 cases (-0.675")


def test_one_case_under_the_floor_refuses(made_up: ModuleType, decide: Callable[..., Verdict]) -> None:
    shifts = [0.03] * MANY
    shifts[0] = -0.11  # 0.80 -> 0.69, under the floor of WT (0.70) and of no other region
    verdict = decide(made_up.cases(MANY, shift=shifts))
    assert failed(verdict) == {"floor"}
    assert "case000 (WT 0.80 to 0.69) fell under" in verdict.sentence


@pytest.mark.parametrize(
    ("before", "after", "falls"),
    [(0.701, 0.699, False), (0.75, 0.701, False), (0.76, 0.699, True), (0.70, 0.64, True), (0.69, 0.40, False)],
)
def test_the_floor_is_for_real_falls_from_above(
    made_up: ModuleType, criteria: GateCriteria, before: float, after: float, falls: bool
) -> None:
    def of(dice: float) -> list[CaseMeasures]:
        ordinary = made_up.cases(MANY - 1)
        return [*ordinary, made_up.case("one", dice={"WT": dice, "TC": 0.85, "ET": 0.85})]

    verdict = judge(of(before), of(after), criteria)
    assert ("floor" in failed(verdict)) is falls


def test_many_falls_are_counted(made_up: ModuleType, decide: Callable[..., Verdict]) -> None:
    verdict = decide([made_up.case(f"case{i:03d}", dice=0.1) for i in range(MANY)])
    check = next(check for check in verdict.checks if check.name == "floor")
    assert check.value == 3 * MANY
    assert "and 69 more fell under" in check.words
    assert "more checks fail." in verdict.sentence


def test_hd95_alone_refuses(made_up: ModuleType, decide: Callable[..., Verdict]) -> None:
    assert failed(decide(made_up.cases(MANY, shift=0.01, hd95_mm=8.1))) == {"HD95 WT", "HD95 TC", "HD95 ET"}
    assert decide(made_up.cases(MANY, shift=0.01, hd95_mm=8.0)).decision == "promote"


def test_a_region_without_hd95_is_left_out_of_it(made_up: ModuleType, decide: Callable[..., Verdict]) -> None:
    challenger = [*made_up.cases(MANY)[:-1], made_up.case("case023", dice=0.0, hd95_mm=None)]
    verdict = decide(challenger)
    check = next(check for check in verdict.checks if check.name == "HD95 WT")
    assert check.passed
    assert "in 23 cases" in check.words
    assert "floor" in failed(verdict)  # its Dice of 0 speaks


@pytest.mark.parametrize(("error_ml", "passes"), [(-5.1, False), (5.1, False), (-4.9, True), (4.9, True)])
def test_volume_bias_alone_refuses(made_up: ModuleType, decide: Callable[..., Verdict], error_ml: float, passes: bool) -> None:
    true_ml = dict.fromkeys(("WT", "TC", "ET"), 100.0)
    champion = made_up.cases(MANY, true_ml=true_ml)
    verdict = judge(champion, made_up.cases(MANY, shift=0.01, true_ml=true_ml, error_ml=error_ml), load_criteria())
    assert failed(verdict) == (set() if passes else {"volume bias WT", "volume bias TC", "volume bias ET"})


def test_less_bias_is_no_fault(made_up: ModuleType, criteria: GateCriteria) -> None:
    verdict = judge(made_up.cases(MANY, error_ml=-10.0), made_up.cases(MANY, error_ml=0.0), criteria)
    assert verdict.decision == "promote"


def test_calibration_alone_refuses(made_up: ModuleType, decide: Callable[..., Verdict]) -> None:
    assert failed(decide(made_up.cases(MANY, shift=0.01, gap=0.016))) == {"calibration WT", "calibration TC", "calibration ET"}
    assert decide(made_up.cases(MANY, shift=0.01, gap=0.014)).decision == "promote"


@pytest.mark.parametrize("shift", [0.05, 0.0, -0.5])
def test_too_few_patients_prove_nothing(made_up: ModuleType, decide: Callable[..., Verdict], shift: float) -> None:
    verdict = decide(made_up.cases(4, shift=shift))
    assert verdict.decision == "unproven"
    assert verdict.sentence.startswith("Not proven, a person must decide: 4 locked patients")
    assert ("What there is speaks against it: WT Dice" in verdict.sentence) is (shift < 0)


def test_no_patient_at_all_is_no_error(criteria: GateCriteria) -> None:
    verdict = judge([], [], criteria)
    assert verdict.decision == "unproven"
    assert "0 locked patients" in verdict.sentence


def test_one_patient_has_no_interval(made_up: ModuleType, decide: Callable[..., Verdict]) -> None:
    verdict = decide(made_up.cases(1))
    assert verdict.decision == "unproven"
    assert not [check for check in verdict.checks if check.name.startswith("Dice")]


def test_a_region_that_few_have_proves_nothing(made_up: ModuleType, criteria: GateCriteria) -> None:
    def of(shift: float) -> list[CaseMeasures]:
        low_grade = {"WT": 60.0, "TC": 20.0, "ET": 0.0}
        return [made_up.case(f"case{i:03d}", dice=0.85 + shift, true_ml=made_up.TRUE_ML if i < 9 else low_grade) for i in range(MANY)]

    verdict = judge(of(0), of(0.01), criteria)
    assert verdict.decision == "unproven"
    assert failed(verdict) == {"patients with ET"}
    without = criteria.model_copy(update={"regions": ("WT", "TC")})
    assert judge(of(0), of(0.01), without).decision == "promote"


def nearly_empty(made_up: ModuleType, *, et_dice: float, error_ml: float, true_ml: float) -> list[CaseMeasures]:
    """Many ordinary cases, and one with (nearly) no enhancing tumour."""
    one = made_up.case(
        "odd",
        dice={"WT": 0.85, "TC": 0.85, "ET": et_dice},
        hd95_mm=5.0,
        true_ml={"WT": 100.0, "TC": 40.0, "ET": true_ml},
        error_ml={"WT": 0.0, "TC": 0.0, "ET": error_ml},
    )
    return [*made_up.cases(MANY), one]


@pytest.mark.parametrize("true_ml", [0.0, 0.22])
def test_a_nearly_empty_region_is_not_decided_by_its_dice(made_up: ModuleType, criteria: GateCriteria, true_ml: float) -> None:
    """One voxel more or less takes the Dice of an empty region from 1 to 0."""
    champion = nearly_empty(made_up, et_dice=1.0, error_ml=0.0, true_ml=true_ml)
    challenger = nearly_empty(made_up, et_dice=0.0, error_ml=0.3, true_ml=true_ml)
    assert judge(champion, challenger, criteria).decision == "promote"
    # And the other way round: luck there is no merit. The primary metric does not move.
    back = judge(challenger, champion, criteria)
    assert next(check.value for check in back.checks if check.name == "primary metric") == 0.0


@pytest.mark.parametrize("true_ml", [0.0, 0.22])
def test_a_finding_that_is_not_there_refuses(made_up: ModuleType, criteria: GateCriteria, true_ml: float) -> None:
    champion = nearly_empty(made_up, et_dice=1.0, error_ml=0.1, true_ml=true_ml)
    challenger = nearly_empty(made_up, et_dice=0.0, error_ml=2.2, true_ml=true_ml)
    verdict = judge(champion, challenger, criteria)
    assert failed(verdict) == {"false volume ET"}
    assert "Largest change: odd, 0.1 to 2.2 mL wrong; at most +2 mL." in verdict.sentence


def test_a_region_of_just_the_least_volume_counts(made_up: ModuleType, criteria: GateCriteria) -> None:
    champion = nearly_empty(made_up, et_dice=0.9, error_ml=0.0, true_ml=0.5)
    challenger = nearly_empty(made_up, et_dice=0.0, error_ml=-0.5, true_ml=0.5)
    assert "floor" in failed(judge(champion, challenger, criteria))


def test_refused_cases_are_named_and_do_not_count(made_up: ModuleType, criteria: GateCriteria) -> None:
    champion = [*made_up.cases(MANY), made_up.case("known", refused="unet3d site-1 was trained on it")]
    challenger = [*made_up.cases(MANY, shift=0.01), made_up.case("known", dice=0.0)]
    verdict = judge(champion, challenger, criteria)
    assert verdict.refused == {"known": "unet3d site-1 was trained on it"}
    assert verdict.decision == "promote"
    assert len(verdict.champion) == len(verdict.challenger) == MANY


def test_only_like_is_compared_with_like(made_up: ModuleType, criteria: GateCriteria) -> None:
    cases = made_up.cases(3)
    with pytest.raises(InputError, match="with one of them only: case002"):
        judge(cases, cases[:2], criteria)
    with pytest.raises(InputError, match="name a case twice"):
        judge([*cases, cases[0]], cases, criteria)
    with pytest.raises(InputError, match="different weights files"):
        judge([*cases[:2], made_up.case("case002", weights="other")], cases, criteria)
    with pytest.raises(InputError, match=r"case002: .*different files or labels"):
        judge(cases, [*cases[:2], made_up.case("case002", digests={"t1": "case002", "label": "new"})], criteria)


def test_the_order_of_cases_changes_nothing(made_up: ModuleType, criteria: GateCriteria) -> None:
    shifts = np.random.default_rng(1).normal(0.0, 0.03, MANY)
    champion, challenger = made_up.cases(MANY), made_up.cases(MANY, shift=shifts)
    assert judge(champion, challenger, criteria) == judge(champion[::-1], challenger[::-1], criteria)


def test_a_verdict_is_json(made_up: ModuleType, decide: Callable[..., Verdict]) -> None:
    verdict = decide(made_up.cases(MANY, shift=-0.2))
    content = json.loads(json.dumps(verdict.as_json(), allow_nan=False))
    assert content["decision"] == "refuse"
    assert content["criteria"]["dice_margin"] == 0.02
    assert {"name", "passed", "value", "limit", "words", "of"} == set(content["checks"][0])
    assert content["challenger"][0]["regions"]["WT"]["dice"] == pytest.approx(0.6)
