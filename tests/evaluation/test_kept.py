"""Finished cases on disk, files, splits, and cases that a model has seen."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from gliolabel.errors import InputError, UnavailableError
from gliolabel.evaluation.cases import VolumeCase
from gliolabel.evaluation.files import write_whole
from gliolabel.evaluation.kept import KeptOutcomes, key_of
from gliolabel.evaluation.outcomes import Outcome, Snapshot
from gliolabel.evaluation.splits import read_part
from gliolabel.evaluation.training_cases import seen_in_training
from gliolabel.registry import Registry
from gliolabel.studies.ids import patient_of

OUTCOME = Outcome(
    case="A_1",
    patient="A",
    device="cpu",
    seconds=1.5,
    rows={"WT": {"dice": 0.25, "hd95_mm": None}, "ET": {"dice": 0.75, "hd95_mm": 2.0}, "classes": {"dice": 0.1}},
    reliability={"WT": {"total": [1, 2], "positive": [0, 1]}},
    warnings=("a warning",),
)
SNAPSHOT = Snapshot(
    image=np.arange(12, dtype=np.uint8).reshape(3, 4),
    truth=np.eye(3, 4, dtype=bool),
    predicted=np.zeros((3, 4), dtype=bool),
    number=7,
    slices=40,
    sequence="flair",
)


def test_an_outcome_comes_back_as_it_was(tmp_path: Path) -> None:
    kept = KeptOutcomes(tmp_path / "model")
    assert kept.get("A_1", "key") is None
    kept.put(OUTCOME, {"WT": SNAPSHOT}, key="key")
    assert kept.get("A_1", "key") == OUTCOME
    assert OUTCOME.mean_dice == pytest.approx(0.5)
    back = kept.snapshots("A_1")["WT"]
    for field in dataclasses.fields(Snapshot):
        np.testing.assert_array_equal(getattr(back, field.name), getattr(SNAPSHOT, field.name))
    assert kept.get("A_1", "other") is None
    assert not [path for path in (tmp_path / "model").iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("ending", [".json", ".npz"])
def test_a_file_that_is_not_whole_counts_as_missing(tmp_path: Path, ending: str) -> None:
    kept = KeptOutcomes(tmp_path)
    kept.put(OUTCOME, {"WT": SNAPSHOT}, key="key")
    path = tmp_path / f"A_1{ending}"
    path.write_bytes(path.read_bytes()[:60])
    assert kept.get("A_1", "key") is None


def test_the_key_changes_with_everything_that_matters() -> None:
    base = {"weights": "w", "device": "cpu", "case": {"t1": "1"}}
    keys = {
        key_of(**{**base, **change}) for change in ({}, {"weights": "v"}, {"device": "cuda"}, {"case": {"t1": "2"}}, {"case": {"t2": "1"}})
    }
    assert len(keys) == 5
    assert key_of(**base) == key_of(**base)


def test_a_disk_that_refuses(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnavailableError, match="cannot be written"):
        write_whole(tmp_path / "file" / "below", lambda path: path.write_text("x"))

    def full(path: Path) -> None:
        path.write_text("half")
        raise OSError(28, "No space left on device")

    (tmp_path / "table.csv").write_text("before")
    with pytest.raises(UnavailableError, match="No space left"):
        write_whole(tmp_path / "table.csv", full)
    assert (tmp_path / "table.csv").read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "table.csv"]


def test_a_part_of_a_split(tmp_path: Path) -> None:
    path = tmp_path / "split.json"
    path.write_text(json.dumps({"train": ["a", "b"], "test": ["d", ["c", 7], ["c", 8]], "by": "patient"}))
    assert read_part(path, "test") == ["c", "d"]
    with pytest.raises(InputError, match="no such part; it has test, train"):
        read_part(path, "validation")
    path.write_text(json.dumps({"train": [["a", 1]], "test": [["a", 2]], "validation": []}))
    with pytest.raises(InputError, match="case a lies in test and in train"):
        read_part(path, "test")
    with pytest.raises(InputError, match="empty"):
        read_part(path, "validation")
    path.write_text(json.dumps({"test": [3]}))
    with pytest.raises(InputError, match="3 is no case"):
        read_part(path, "test")
    path.write_text("{")
    with pytest.raises(InputError, match="cannot be read as JSON"):
        read_part(path, "test")


def test_patients() -> None:
    assert patient_of("BraTS-GLI-00005-001") == patient_of("BraTS-GLI-00005-000") == "BraTS-GLI-00005"
    assert patient_of("BraTS2021_00005") == "BraTS2021_00005"
    assert patient_of("TCGA_CS_4941_19960909") == "TCGA_CS_4941_19960909"


def test_a_training_case_is_known_by_its_images_or_its_id(cases: list[VolumeCase]) -> None:
    version = Registry().champion("unet3d")
    digests = {case.id: case.digests() for case in cases}
    assert seen_in_training(version, cases, digests) == []
    renamed = dataclasses.replace(version, metadata={"trained_on": {"another-name": {"t2": digests[cases[1].id]["t2"]}}})
    assert seen_in_training(renamed, cases, digests) == [cases[1].id]
    recompressed = dataclasses.replace(version, metadata={"trained_on": {cases[2].id: {"t2": "0" * 64}}})
    assert seen_in_training(recompressed, cases, digests) == [cases[2].id]
