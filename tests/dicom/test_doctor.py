"""`gliolabel doctor --studies` lists every DICOM study: recognised, left out, in doubt."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.dicom.conftest import Volumes
from tests.dicom.made_up import HABITS, write_series, write_study

from gliolabel.cli.doctor import data
from gliolabel.cli.doctor.check import Check, Level
from gliolabel.dicom import DicomOptions, case_id_of


def looked_at(folder: Path | str, options: DicomOptions | None = None) -> dict[str, Check]:
    return {check.name.removeprefix("Study "): check for check in data.study_folder(folder, labels=None, dicom=options)}


@pytest.fixture
def studies(volumes: Volumes, tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A whole study, one with two T1ce, and a CT."""
    folder = tmp_path / "dicom"
    ids = {"whole": write_study(folder / "1", volumes), "two": write_study(folder / "2", volumes, frame="1.2")}
    array, grid = volumes["t1ce"]
    write_series(folder / "2", array, grid, study=ids["two"], number=9, frame="1.2", tags=HABITS["siemens"]["t1ce"])
    write_series(folder / "3", array, grid, study="1.2.9", number=1, frame="1.2", tags={"Modality": "CT"})
    return folder, {name: case_id_of(study) for name, study in {**ids, "ct": "1.2.9"}.items()}


def test_every_study_is_listed_with_what_was_made_of_it(studies: tuple[Path, dict[str, str]]) -> None:
    folder, ids = studies
    checks = looked_at(folder)
    assert "1 of 3 studies make no case" in " ".join(check.message for check in data.study_folder(folder, labels=None))
    whole = checks[ids["whole"]]
    assert whole.level is Level.OK
    assert "t1ce = series 3 (t1 mprage sag p2 iso KM) by its tags and description" in whole.message
    assert "left out: series 1 (localizer): localizer" in whole.message
    assert whole.details["sequences"] == {"t1": 2, "t1ce": 3, "t2": 4, "flair": 5}
    two = checks[ids["two"]]
    assert two.level is Level.WARNING
    assert "2 candidates for t1ce: series 3, series 9; none is used" in two.message
    assert "dicom.md" in two.fix
    ct = checks[ids["ct"]]
    assert ct.level is Level.WARNING
    assert "holds no MR images (CT)" in ct.message


def test_a_persons_decision_clears_the_doubt(studies: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    folder, ids = studies
    rules = tmp_path / "rules.yaml"
    rules.write_text(f"studies:\n  {ids['two']}: {{t1ce: 9}}\n")
    check = looked_at(folder, DicomOptions(rules=rules))[ids["two"]]
    assert check.level is Level.OK
    assert check.details["sequences"]["t1ce"] == 9


def test_a_pacs_that_is_away_and_a_wrong_rule_file_are_to_be_fixed(studies: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    check = looked_at("http://127.0.0.1:9/dicom-web")["Studies"]
    assert check.level is Level.BAD
    assert "http://127.0.0.1:9/dicom-web cannot be reached" in check.message
    (tmp_path / "rules.yaml").write_text("frames: sometimes")
    check = looked_at(studies[0], DicomOptions(rules=tmp_path / "rules.yaml"))["Studies"]
    assert check.level is Level.BAD
    assert "frames" in check.message
