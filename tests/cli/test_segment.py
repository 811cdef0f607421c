"""``gliolabel segment``: files, resuming, failures. The network's part is taken by the case's own label."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from gliolabel.errors import InputError
from gliolabel.inference import Segmentation
from gliolabel.studies import Case, open_studies


@pytest.fixture
def segmented(monkeypatch: pytest.MonkeyPatch, made_up: ModuleType) -> list[str]:
    """Replaces the network; the list of cases that were segmented."""
    calls: list[str] = []

    class FromLabel:
        def __init__(self, version: Any) -> None:
            pass

        def segment(self, case: Case, *, passes: int, seed: int) -> Segmentation:
            calls.append(case.id)
            case.read()  # a damaged file is found here
            return made_up.segmentation_from_label(case, passes=passes, warnings=("a warning",))

    monkeypatch.setattr("gliolabel.inference.Segmenter", FromLabel)
    monkeypatch.setattr("gliolabel.cli.segment.choose_model", lambda name: SimpleNamespace(name=name, version="made-up-1"))
    return calls


def test_writes_mask_map_places_and_volumes(gliolabel: Callable, segmented: list[str], phantom_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    answer = gliolabel("segment", phantom_folder, out, "--passes", "4", "--places", "3")
    assert answer.code == 0, answer.err
    assert "a warning" in answer.err
    assert "not a medical device" in answer.out
    cases = list(open_studies(phantom_folder))
    assert {path.name for path in out.iterdir()} == {
        "volumes.csv",
        *(f"{case.id}{end}" for case in cases for end in ("_mask.nii.gz", "_uncertainty.nii.gz", "_places.mrk.json", "_processing.json")),
    }
    case = cases[0]
    mask = sitk.ReadImage(str(out / f"{case.id}_mask.nii.gz"))
    assert mask.GetPixelID() == sitk.sitkUInt8
    np.testing.assert_array_equal(sitk.GetArrayFromImage(mask), case.read_label())
    assert sitk.ReadImage(str(out / f"{case.id}_uncertainty.nii.gz")).GetPixelID() == sitk.sitkFloat32
    places = json.loads((out / f"{case.id}_places.mrk.json").read_text())["markups"][0]["controlPoints"]
    assert 1 <= len(places) <= 3
    row = next(row for row in csv.DictReader((out / "volumes.csv").open()) if row["case"] == case.id)
    label = case.read_label()
    assert label is not None
    assert float(row["WT_ml"]) == pytest.approx((label > 0).sum() * case.grid().voxel_ml, abs=1e-3)
    assert float(row["ET_ml"]) == pytest.approx((label == 3).sum() * case.grid().voxel_ml, abs=1e-3)
    assert float(row["TC_ml_p05"]) < float(row["TC_ml"]) < float(row["TC_ml_p95"])
    assert row["model_version"] == "made-up-1"


def test_what_is_done_is_skipped_until_overwrite(gliolabel: Callable, segmented: list[str], phantom_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = open_studies(phantom_folder).ids[0]
    assert gliolabel("segment", phantom_folder, out, "--passes", "0", "--case", first).code == 0
    assert segmented == [first]
    answer = gliolabel("segment", phantom_folder, out, "--passes", "0")
    assert answer.code == 0
    assert "1 of 3 cases are done already" in answer.err
    assert segmented.count(first) == 1
    assert len(segmented) == 3
    (out / f"{first}_mask.nii.gz").unlink()  # stopped before the mask was written
    assert gliolabel("segment", phantom_folder, out, "--passes", "0").code == 0
    assert segmented.count(first) == 2
    assert gliolabel("segment", phantom_folder, out, "--passes", "0", "--overwrite").code == 0
    assert len(segmented) == 7


def test_results_made_otherwise_are_not_mixed(gliolabel: Callable, segmented: list[str], phantom_folder: Path, tmp_path: Path) -> None:
    assert gliolabel("segment", phantom_folder, tmp_path / "out", "--passes", "0").code == 0
    answer = gliolabel("segment", phantom_folder, tmp_path / "out", "--passes", "2")
    assert answer.code == 2
    assert "passes = 0, now 2" in answer.err


def test_a_damaged_case_is_named_and_the_others_go_on(
    gliolabel: Callable, segmented: list[str], phantom_folder: Path, tmp_path: Path
) -> None:
    studies = tmp_path / "studies"
    shutil.copytree(phantom_folder, studies)
    damaged = open_studies(studies).get(open_studies(studies).ids[1])
    file = damaged.sequences["t2"].path
    file.write_bytes(file.read_bytes()[:2000])
    answer = gliolabel("segment", studies, tmp_path / "out", "--passes", "0", "--json")
    assert answer.code == 1
    content = json.loads(answer.out)
    assert list(content["failed"]) == [damaged.id]
    assert file.name in content["failed"][damaged.id]
    assert len(content["cases"]) == 2
    assert "Traceback" not in answer.err


def test_bad_input(gliolabel: Callable, segmented: list[str], phantom_folder: Path, tmp_path: Path) -> None:
    assert gliolabel("segment", tmp_path / "none", tmp_path / "out").code == 2
    (tmp_path / "empty").mkdir()
    assert "no case found" in gliolabel("segment", tmp_path / "empty", tmp_path / "out").err
    assert gliolabel("segment", phantom_folder, tmp_path / "out", "--case", "no-such-case").code == 2
    assert gliolabel("segment", phantom_folder, tmp_path / "out", "--passes", "-1").code == 2
    assert not (tmp_path / "out").exists()


def test_a_table_of_something_else_is_refused(tmp_path: Path) -> None:
    from gliolabel.cli.volumes_table import VolumesTable

    (tmp_path / "volumes.csv").write_text("name,age\nx,3\n")
    with pytest.raises(InputError, match="expected the columns case"):
        VolumesTable(tmp_path / "volumes.csv")
