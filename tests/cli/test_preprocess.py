"""``gliolabel preprocess``, and ``gliolabel segment`` on raw studies: files, checks, refusals. The network's part is not run."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.dicom.made_up import write_study

from gliolabel.phantoms import Phantom, make_phantom, moved, write_phantom_case
from gliolabel.studies import open_studies


@pytest.fixture(scope="module")
def after_moving() -> Phantom:
    """The FLAIR was taken after the patient moved. A head of half the size in voxels of about 2 mm, so that 1 mm is soon written."""
    whole = make_phantom(shape=(40, 64, 64), seed=4)
    x, y, z = whole.grid.spacing
    small = replace(whole, grid=replace(whole.grid, spacing=(x / 2, y / 2, z / 2)))
    return moved(small, ["flair"], degrees=(8.0, 3.0, -6.0), shift_mm=(4.0, 5.0, -4.0))


def test_prepared_studies_are_a_study_folder_of_1_mm(gliolabel: Callable, after_moving: Phantom, tmp_path: Path) -> None:
    write_phantom_case(after_moving, tmp_path / "raw", name="x")
    out = tmp_path / "prepared"
    answer = gliolabel("preprocess", tmp_path / "raw", out, "--brain-extraction", "none", "--json")
    assert answer.code == 0, answer.err
    told = json.loads(answer.out)["cases"]["x"]
    assert told["registration"]["flair"]["applied"]
    assert told["registration"]["flair"]["overlap_after"] > told["registration"]["flair"]["overlap_before"]
    assert told["brain_extraction"] == {"applied": False, "why": "the brain was extracted before"}
    assert "flair was registered to t1ce" in answer.err
    assert json.loads((out / "x" / "processing.json").read_text()) == told
    case = open_studies(out).get("x")
    images, label = case.read(), case.read_label()
    assert images.grid.spacing == pytest.approx((1.0, 1.0, 1.0))
    assert not images.processed["registration"]["flair"]["applied"], "it lies on the reference now"
    assert label is not None
    raw = open_studies(tmp_path / "raw").get("x")
    before = raw.read_label()
    assert before is not None
    assert label.sum() * case.grid().voxel_ml == pytest.approx(before.sum() * raw.grid().voxel_ml, rel=0.05)
    changed = (out / "x" / "x_t1.nii.gz").stat().st_mtime_ns
    assert gliolabel("preprocess", tmp_path / "raw", out, "--brain-extraction", "none").code == 0
    assert (out / "x" / "x_t1.nii.gz").stat().st_mtime_ns == changed, "finished cases are skipped"


def test_a_case_that_cannot_be_read_is_named_and_leaves_nothing(gliolabel: Callable, phantom_folder: Path, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    write_phantom_case(make_phantom(shape=(18, 30, 24), seed=1), raw, name="bad")
    (path,) = raw.rglob("bad_t2.nii.gz")
    path.write_bytes(b"no volume")
    answer = gliolabel("preprocess", raw, tmp_path / "out", "--brain-extraction", "none", "--register", "off")
    assert answer.code == 1
    assert "case bad" in answer.err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["gliolabel.json"]


def test_what_cannot_be_opened_is_refused(gliolabel: Callable, tmp_path: Path) -> None:
    for command in (
        ["preprocess", tmp_path / "none", tmp_path / "out", "--brain-extraction", "none"],
        ["segment", tmp_path / "none", "out"],
    ):
        answer = gliolabel(*command)
        assert answer.code == 2
        assert "STUDIES" in answer.err
        assert "there is no such folder" in answer.err
    answer = gliolabel("segment", "http://127.0.0.1:9/dicom-web", tmp_path / "out")
    assert answer.code == 1
    assert "http://127.0.0.1:9/dicom-web cannot be reached" in answer.err
    assert not (tmp_path / "out").exists()


def test_a_dicom_folder_is_prepared_too(gliolabel: Callable, after_moving: Phantom, tmp_path: Path) -> None:
    volumes = {name: (array, after_moving.grid) for name, array in after_moving.sequences.items()}
    write_study(tmp_path / "dicom", volumes)
    answer = gliolabel("preprocess", tmp_path / "dicom", tmp_path / "out", "--brain-extraction", "none", "--json")
    assert answer.code == 0, answer.err
    ((case_id, told),) = json.loads(answer.out)["cases"].items()
    assert told["registration"]["flair"]["applied"]
    assert np.any(open_studies(tmp_path / "out").get(case_id).read().arrays["flair"])
