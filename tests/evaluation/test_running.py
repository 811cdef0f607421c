"""The evaluation as a whole, with a predictor that knows the truth."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from gliolabel.evaluation.analysis import analyse
from gliolabel.evaluation.cases import VolumeCase
from gliolabel.evaluation.files import Digests
from gliolabel.evaluation.measures import CLASSES_ROW, MEASURES
from gliolabel.evaluation.results import COLUMNS, describe, write_csv, write_json
from gliolabel.evaluation.running import ModelUnderTest, evaluate
from gliolabel.metrics import hausdorff95
from gliolabel.studies import open_studies


def test_numbers_of_known_predictions(cases: list[VolumeCase], tested: Callable[..., ModelUnderTest]) -> None:
    found = evaluate([tested("perfect"), tested("grown", voxels=1)], cases)
    assert found.cases == tuple(case.id for case in cases)
    assert found.regions == ("WT", "TC", "ET")
    assert not found.failed
    for case in cases:
        perfect, grown = found.outcomes["perfect"][case.id], found.outcomes["grown"][case.id]
        for region in (*found.regions, CLASSES_ROW):
            assert perfect.value(region, "dice") == 1.0
        assert perfect.value(CLASSES_ROW, "score") == 1.0
        label = case.case.read_label()
        assert label is not None
        truth = label > 0
        more = ndimage.binary_dilation(truth)
        assert grown.value("WT", "dice") == pytest.approx(2 * truth.sum() / (truth.sum() + more.sum()), abs=1e-9)
        distance = hausdorff95(more[None], truth[None], spacing=case.case.grid().spacing[::-1])[0]
        assert grown.value("WT", "hd95_mm") == pytest.approx(distance, abs=1e-6)
        assert grown.value("WT", "volume_error_ml") == pytest.approx((more.sum() - truth.sum()) * case.case.grid().voxel_ml)
        assert grown.value("TC", "dice") == 1.0
        counts = perfect.counts("WT")
        assert int(counts.total.sum()) == label.size
        assert int(counts.positive.sum()) == int(truth.sum())
    comparison = next(p.comparison for p in analyse(found).pairs if (p.region, p.measure) == ("WT", "dice"))
    assert (comparison.n, comparison.better, comparison.worse) == (3, 0, 3)
    assert comparison.p == pytest.approx(0.25)


def test_models_that_prepare_alike_share_it(cases: list[VolumeCase], tested: Callable[..., ModelUnderTest]) -> None:
    models = [tested("one"), tested("two"), tested("three", preparation="another")]
    evaluate(models, cases)
    assert [len(model.predictor.prepared) for model in models] == [3, 0, 3]


def test_finished_cases_are_kept(cases: list[VolumeCase], tested: Callable[..., ModelUnderTest]) -> None:
    told: list[str] = []
    first = evaluate([tested("model")], cases[:2], report=told.append)
    assert first.computed == 2
    again = tested("model")
    second = evaluate([again], cases, report=told.append)
    assert again.predictor.predicted == [cases[2].id]
    assert second.computed == 1
    assert second.outcomes["model"][cases[0].id] == first.outcomes["model"][cases[0].id]
    assert len(told) == 5
    retrained = tested("model", sha256="other weights")
    assert evaluate([retrained], cases).computed == 3


def test_a_changed_file_is_computed_again(phantom_folder: Path, tested: Callable[..., ModelUnderTest], tmp_path: Path) -> None:
    studies = tmp_path / "studies"
    shutil.copytree(phantom_folder, studies)

    def all_cases() -> list[VolumeCase]:
        files = Digests()
        return [VolumeCase(case, files) for case in open_studies(studies)]

    assert evaluate([tested("model")], all_cases()).computed == 3
    changed = all_cases()[0].case
    assert changed.label is not None
    other = all_cases()[1].case
    assert other.label is not None
    shutil.copyfile(other.label.path, changed.label.path)
    again = tested("model")
    evaluate([again], all_cases())
    assert again.predictor.predicted == [changed.id]


def test_a_damaged_case_counts_for_no_model(phantom_folder: Path, tested: Callable[..., ModelUnderTest], tmp_path: Path) -> None:
    studies = tmp_path / "studies"
    shutil.copytree(phantom_folder, studies)
    damaged = next(iter(open_studies(studies)))
    file = damaged.sequences["flair"].path
    file.write_bytes(file.read_bytes()[:3000])
    files = Digests()
    cases = [VolumeCase(case, files) for case in open_studies(studies)]
    told: list[str] = []
    found = evaluate([tested("one"), tested("two", voxels=1)], cases, report=told.append)
    assert list(found.failed) == [damaged.id]
    assert file.name in found.failed[damaged.id]
    assert all(damaged.id not in outcomes for outcomes in found.outcomes.values())
    assert len(told) == 6


def test_files_of_results(cases: list[VolumeCase], tested: Callable[..., ModelUnderTest], tmp_path: Path, phantom_folder: Path) -> None:
    found = evaluate([tested("perfect"), tested("grown", voxels=2, seen=(cases[0].id,))], cases)
    write_csv(found, tmp_path / "results.csv")
    rows = list(csv.DictReader((tmp_path / "results.csv").open()))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == 2 * 3 * 4
    assert {(row["case"], row["trained_on"]) for row in rows if row["trained_on"] == "yes"} == {(cases[0].id, "yes")}
    grown = [float(row["dice"]) for row in rows if row["region"] == "WT"][3:]
    analysis = analyse(found, seed=5)
    assert analysis.summaries["grown"]["WT"]["dice"].mean == pytest.approx(np.mean(grown), abs=1e-6)
    assert all(row["hd95_mm"] == "" for row in rows if row["region"] == CLASSES_ROW)
    digests = {case.id: case.digests() for case in cases}
    content = describe(found, analysis, studies=phantom_folder, layout="one folder per case", digests=digests)
    write_json(content, tmp_path / "results.json")
    back = json.loads((tmp_path / "results.json").read_text())
    assert back["trained_on_tested_cases"] == {"grown": [cases[0].id]}
    assert back["statistics"]["seed"] == 5
    assert back["studies"]["files_sha256"][cases[0].id]["t1"] == digests[cases[0].id]["t1"]
    assert set(back["measures"]) == set(MEASURES)
    assert back["summary"]["perfect"]["ET"]["dice"]["mean"] == 1.0
    assert {entry["measure"] for entry in back["comparisons"]} >= {"dice", "hd95_mm", "score"}
