"""The criteria file: read, checked, written back."""

from __future__ import annotations

from pathlib import Path

import pytest

from gliolabel.errors import InputError
from gliolabel.training.gate import load_criteria


def test_a_file_changes_only_what_it_names(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("# a small site\nleast_patients: 6\nregions: [WT, TC]\n")
    criteria = load_criteria(file)
    assert criteria.least_patients == 6
    assert criteria.regions == ("WT", "TC")
    assert criteria.dice_margin == load_criteria().dice_margin


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "criteria.yaml"
    file.write_text(load_criteria().as_yaml())
    assert load_criteria(file) == load_criteria()


def test_a_file_of_comments_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "empty.yaml"
    file.write_text("# nothing\n")
    assert load_criteria(file) == load_criteria()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dice_margn: 0.1", r"dice_margn = 0.1: there is no such key; did you mean dice_margin"),
        ("dice_margin: 2", r"dice_margin = 2: expected a number from 0 to 1"),
        ("dice_margin: .nan", r"dice_margin = nan"),
        ("least_patients: 1", r"least_patients = 1: expected a number of at least 2"),
        ("regions: [WT, tumour]", r"regions.1 = 'tumour': expected 'WT', 'TC' or 'ET'"),
        ("regions: [WT, WT]", r"regions = .*a region stands here twice"),
        ("regions: []", r"regions = \[\]"),
        ("floor: {WT: 0.7}", r"floor has no value for TC, ET"),
        ("regions: [WT]\nprimary: ET", r"primary = 'ET' is not one of regions \(WT\)"),
        ("- 1", r"holds list; expected keys"),
        ("a: [", r"not valid YAML"),
        ("hd95_margin_mm: 1\nhd95_margin_mm: 2", r"twice"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(InputError, match=message) as error:
        load_criteria(file)
    assert f"gate criteria {file}" in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gate criteria .*gone\.yaml: cannot be read"):
        load_criteria(tmp_path / "gone.yaml")
