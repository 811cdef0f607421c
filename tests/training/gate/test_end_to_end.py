"""The whole gate with real networks: on phantoms, and on real cases that the starter version never saw."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gliolabel.phantoms import write_phantom_folder
from gliolabel.recipes import ModelVersion
from gliolabel.studies import open_studies
from gliolabel.training.gate import GateCase, judge, load_criteria, measure, write_verdict

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

#: Two cases cannot prove anything; with these criteria they may.
FEW = load_criteria().model_copy(update={"least_patients": 2, "least_patients_per_region": 2})

#: Noise on the weights, in their standard deviations, after which nearly everything is called tumour. With less a bad version can still
#: be luckier than the starter in single numbers of two cases, for example in the HD95 of one stray islet, or in the volume of a region.
HOPELESS = 6.0


def decide(starter: ModelVersion, bad: ModelVersion, cases: list[GateCase], folder: Path) -> None:
    """A bad challenger is refused, a bad champion is replaced, and the same weights again are no worse."""
    kept = folder / "kept"
    good_measures, bad_measures = (measure(version, cases, kept=kept) for version in (starter, bad))
    refused = judge(good_measures, bad_measures, FEW)
    assert refused.decision == "refuse"
    assert {"primary metric", "Dice WT", "floor"} <= {check.name for check in refused.failed}
    assert "Dice" in refused.sentence
    assert "more checks fail." in refused.sentence
    promoted = judge(bad_measures, good_measures, FEW)
    assert promoted.decision == "promote", [check.words for check in promoted.failed]
    assert judge(good_measures, good_measures, FEW).decision == "promote"
    # However large the difference: two cases prove nothing by the packaged criteria.
    assert judge(bad_measures, good_measures, load_criteria()).decision == "unproven"
    page = write_verdict(folder / "verdict", refused, criteria=FEW, champion=starter, challenger=bad, cases=cases)
    assert page.read_text().count('class="photograph"') == len(cases)


def test_phantoms(starter: ModelVersion, corrupted: Callable[..., ModelVersion], tmp_path: Path) -> None:
    write_phantom_folder(tmp_path / "studies", cases=2, shape=(32, 48, 48))
    cases = [GateCase.of(case) for case in open_studies(tmp_path / "studies")]
    decide(starter, corrupted("bad-1", noise=HOPELESS), cases, tmp_path)


def test_real_cases(starter: ModelVersion, corrupted: Callable[..., ModelVersion], brats_folder: Path, tmp_path: Path) -> None:
    store = open_studies(brats_folder)
    unseen = ("BraTS2021_00495", "Brats18_TCIA03_265_1")
    assert set(unseen) <= set(starter.metadata["held_out"])
    decide(starter, corrupted("bad-1", noise=HOPELESS), [GateCase.of(store.get(case_id)) for case_id in unseen], tmp_path)


def test_a_real_training_case_is_refused(starter: ModelVersion, brats_folder: Path) -> None:
    case_id = sorted(starter.metadata["trained_on"])[0]
    (found,) = measure(starter, [GateCase.of(open_studies(brats_folder).get(case_id))])
    assert found.refused == f"unet3d {starter.version} was trained on it"
    assert found.outcome is None
