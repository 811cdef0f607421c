"""What the cases say together."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gliolabel.evaluation.uncertainty.analysis import analyse_uncertainty
from gliolabel.evaluation.uncertainty.calibrating import calibrate
from gliolabel.evaluation.uncertainty.outcome import KeptUncertainty, UncertaintyOutcome, outcome_key
from gliolabel.evaluation.uncertainty.running import UncertaintyRun
from gliolabel.evaluation.uncertainty.triage import split_cases

Make = Callable[..., UncertaintyOutcome]


def by_case(*outcomes: UncertaintyOutcome) -> dict[str, UncertaintyOutcome]:
    return {outcome.case: outcome for outcome in outcomes}


def test_triage_sets_the_most_uncertain_third_apart(outcome: Make) -> None:
    # The more doubt the less Dice: the ranking is perfect.
    cases = by_case(*(outcome(f"C{k}", dice=0.9 - 0.1 * k, doubt=0.1 * k) for k in range(6)))
    doubt = {case: found.doubt["disagreement"]["5"] for case, found in cases.items()}
    found = split_cases(cases, doubt)
    assert found is not None
    assert found["uncertain"] == ["C5", "C4"]
    assert found["of_uncertain"]["mean"] == pytest.approx(0.45)
    assert found["of_rest"]["ET"] == pytest.approx(0.75)
    assert found["aurc"] == pytest.approx(found["aurc_best"])
    assert found["aurc_random"] == pytest.approx(0.35)
    assert found["spearman"] == pytest.approx(-1)
    turned = split_cases(cases, {case: -value for case, value in doubt.items()})
    assert turned is not None
    assert (turned["uncertain"], turned["spearman"]) == (["C0", "C1"], pytest.approx(1))
    assert turned["aurc"] > turned["aurc_random"] > turned["aurc_best"]
    assert split_cases(cases, dict.fromkeys(cases, 0.5)) is None
    assert split_cases({k: cases[k] for k in ("C0", "C1")}, doubt) is None


def test_calibration_is_judged_by_temperatures_of_other_patients(outcome: Make) -> None:
    cases = by_case(*(outcome(f"C{k}", too_sure=2.0) for k in range(3)))
    found = calibrate(cases, counts=(1, 5))["WT"]["0"]
    assert found["temperature"] == pytest.approx(2.0, abs=0.1)
    assert found["after"] < found["before"] / 4
    # One patient of three is of another kind: its own temperature would help it, those of the others harm.
    odd = calibrate(by_case(outcome("A", too_sure=0.5), outcome("B", too_sure=2.0), outcome("C", too_sure=2.0)), counts=(5,))["ET"]["0"]
    assert odd["after"] > found["after"] * 2
    alone = calibrate(by_case(outcome("A")), counts=(5,))["TC"]["0"]
    assert (alone["after"], alone["curve_after"]) == (None, None)


def test_two_examinations_of_a_patient_do_not_calibrate_each_other(outcome: Make) -> None:
    same = [dataclasses.replace(outcome(case, too_sure=2.0), patient="P") for case in ("P-1", "P-2")]
    assert calibrate(by_case(*same), counts=(5,))["WT"]["0"]["after"] is None


def test_differences_are_paired_and_every_number_has_its_place(outcome: Make) -> None:
    run = UncertaintyRun((), (1, 5), 0, by_case(*(outcome(f"C{k}", aurc=(1 + k) * 5e-4, share=0.1 * k) for k in range(4))))
    found = analyse_uncertainty(run)
    json.dumps(found, allow_nan=False)
    assert found["numbers"]["WT"]["std"]["5"]["aurc"] == pytest.approx(1.25e-3)
    assert found["numbers"]["WT"]["none"]["0"]["qu_brats_rank"] == 7
    mine = [
        d for d in found["differences"] if (d["region"], d["map"], d["measure"], d["baseline"]) == ("WT", "std", "aurc", "max_probability")
    ]
    assert [d["passes"] for d in mine] == [1, 5]
    last = mine[-1]
    assert (last["n"], last["better"], last["worse"]) == (4, 3, 0)  # the fourth is as good as the baseline
    assert last["mean_difference"] == pytest.approx(-0.75e-3)
    assert last["interval"]["low"] < last["mean_difference"] < last["interval"]["high"]
    assert found["places"]["served"]["by_passes"]["5"]["mean"] == pytest.approx(0.15)
    assert found["places"]["served"]["against_border"]["mean_difference"] == pytest.approx(0.1)
    assert "against_border" not in found["places"]["border"]


def test_a_case_without_error_has_no_share_of_it(outcome: Make) -> None:
    run = UncertaintyRun((), (1, 5), 0, by_case(outcome("A", share=None), outcome("B", share=0.2)))
    found = analyse_uncertainty(run)["places"]["served"]["by_passes"]["5"]
    assert (found["n"], found["missing"], found["mean"]) == (1, 1, 0.2)


def test_an_outcome_comes_back_as_it_was(outcome: Make, tmp_path: Path) -> None:
    kept, first = KeptUncertainty(tmp_path / "kept"), outcome("A")
    assert kept.get("A", "key") is None
    kept.put(first, key="key")
    assert kept.get("A", "key") == dataclasses.replace(first, warnings=[])
    assert kept.get("A", "other") is None
    path = tmp_path / "kept" / "A.json"
    path.write_text(path.read_text()[:500])
    assert kept.get("A", "key") is None


def test_the_key_changes_with_everything_that_matters() -> None:
    base = {"weights": "w", "device": "cpu", "case": {"t1": "1"}, "counts": (1, 5), "seed": 0}
    changes: list[dict] = [{}, {"weights": "v"}, {"device": "cuda"}, {"case": {"t1": "2"}}, {"counts": (1, 10)}, {"seed": 1}]
    assert len({outcome_key(**{**base, **change}) for change in changes}) == len(changes)
