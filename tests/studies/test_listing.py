"""Listing a study folder: cheap, safe ids, and what is said about folders that hold something else."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gliolabel.errors import InputError, UnknownError
from gliolabel.phantoms import Phantom, write_phantom_case
from gliolabel.studies import open_studies
from gliolabel.studies.ids import safe_id, unique_ids
from gliolabel.studies.record import write_record


def test_a_folder_that_does_not_exist_is_said_and_not_made(tmp_path: Path) -> None:
    studies = open_studies(tmp_path / "nothing")
    assert len(studies) == 0
    assert "does not exist" in studies.warnings[0]
    assert str(tmp_path / "nothing") in studies.warnings[0]
    assert not (tmp_path / "nothing").exists()


def test_an_empty_folder_is_said(tmp_path: Path) -> None:
    studies = open_studies(str(tmp_path))
    assert "is empty" in studies.warnings[0]
    assert "No case found" in studies.describe()
    (tmp_path / "datastore_v2.json").write_text("{}")
    (tmp_path / "labels").mkdir()
    assert "is empty" in open_studies(tmp_path).warnings[0]
    (tmp_path / "notes.txt").write_text("x")
    assert "holds no case" in open_studies(tmp_path).warnings[0]


def test_a_folder_that_cannot_be_looked_at_is_said(tmp_path: Path, tiny: Phantom, monkeypatch: pytest.MonkeyPatch) -> None:
    write_phantom_case(tiny, tmp_path / "x", name="x", sequences=("t1ce",))
    (tmp_path / "closed").mkdir()
    scandir = os.scandir

    def forbidding(path: str) -> Iterator[os.DirEntry[str]]:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", forbidding)
    studies = open_studies(tmp_path)
    assert studies.ids == ("x",)
    assert "closed: cannot be looked at (Permission denied)" in studies.warnings[0]
    assert "closed: cannot be looked at" in open_studies(tmp_path / "closed").warnings[0]


def test_refresh_sees_new_cases(tmp_path: Path, tiny: Phantom) -> None:
    studies = open_studies(tmp_path / "later")
    write_phantom_case(tiny, tmp_path / "later" / "x", name="x")
    assert len(studies) == 0
    studies.refresh()
    assert studies.ids == ("x",)
    assert not studies.warnings


def test_a_file_or_an_address_of_no_pacs_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.nii").write_bytes(b"1")
    with pytest.raises(InputError, match="is a file"):
        open_studies(tmp_path / "x.nii")
    with pytest.raises(InputError, match="address"):
        open_studies("ftp://example.org/dicom-web")


def test_unknown_case(tmp_path: Path) -> None:
    with pytest.raises(UnknownError, match=r"\.\./x"):
        open_studies(tmp_path).get("../x")


def test_hidden_files_our_results_and_datastore_files_are_passed_over(tmp_path: Path, tiny: Phantom) -> None:
    write_phantom_case(tiny, tmp_path / "x", name="x")
    (tmp_path / "datastore_v2.json").write_text("{}")
    for name in (
        "labels/final/x_seg.nii.gz",
        "labels/x_t1.nii.gz",
        ".hidden/y_t1.nii.gz",
        "x/._x_t1.nii.gz",
        "x/x_uncertainty.nii.gz",
        "x_mask.nrrd",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"1")
    (tmp_path / "results").mkdir()
    write_record(tmp_path / "results", results=True)
    write_phantom_case(tiny, tmp_path / "results" / "z", name="z")
    studies = open_studies(tmp_path)
    assert studies.ids == ("x",)
    assert not studies.warnings
    assert not studies.problems


def test_names_that_say_nothing_are_counted(tmp_path: Path, tiny: Phantom) -> None:
    write_phantom_case(tiny, tmp_path / "x", name="x")
    (tmp_path / "x" / "x_adc.nii.gz").write_bytes(b"1")
    studies = open_studies(tmp_path)
    assert "x_adc.nii.gz" in studies.warnings[0]
    assert "1 volume file" in studies.warnings[0]


def test_an_empty_file_is_a_problem_before_it_is_read(tmp_path: Path, tiny: Phantom) -> None:
    write_phantom_case(tiny, tmp_path / "x", name="x")
    (tmp_path / "x" / "x_t2.nii.gz").write_bytes(b"")
    (problem,) = open_studies(tmp_path).problems
    assert problem.case_id == "x"
    assert problem.path == tmp_path / "x" / "x_t2.nii.gz"
    assert "case x, file x_t2.nii.gz" in problem.message


def test_two_formats_of_one_sequence(tmp_path: Path, tiny: Phantom) -> None:
    write_phantom_case(tiny, tmp_path, name="x")
    write_phantom_case(tiny, tmp_path, name="x", extension=".nrrd", sequences=("t1",), labels=False)
    case = open_studies(tmp_path).get("x")
    assert case.sequences["t1"].path.name == "x_t1.nii.gz"
    assert "x_t1.nrrd ignored" in case.read().warnings[0]


def test_same_names_in_two_folders(tmp_path: Path, tiny: Phantom) -> None:
    for folder in ("HGG", "LGG"):
        write_phantom_case(tiny, tmp_path / folder / "x", name="x", sequences=("t1ce",))
    write_phantom_case(tiny, tmp_path / "HGG" / "y", name="y", sequences=("t1ce",))
    studies = open_studies(tmp_path)
    assert studies.ids == ("HGG-x", "LGG-x", "y")
    assert studies.get("LGG-x").sequences["t1ce"].path.parent == tmp_path / "LGG" / "x"
    assert "HGG-x, LGG-x" in studies.warnings[0]


def test_names_that_are_no_ids(tmp_path: Path, tiny: Phantom) -> None:
    write_phantom_case(tiny, tmp_path / "Jürgen M", name="Jürgen M", sequences=("t1ce",))
    (case,) = open_studies(tmp_path)
    assert case.id == "J_rgen_M"
    assert case.read().missing == ("t1", "t2", "flair")


@given(st.lists(st.tuples(st.sampled_from(["", "a", "a/b", "x", "HGG/x"]), st.text(min_size=1, max_size=8)), max_size=12, unique=True))
def test_ids_are_safe_unique_and_do_not_depend_on_the_order(cases: list[tuple[str, str]]) -> None:
    ids, _ = unique_ids(cases)
    assert len({one.lower() for one in ids}) == len(cases)
    assert all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", one) for one in ids)
    backwards, _ = unique_ids(cases[::-1])
    assert backwards == ids[::-1]


@given(st.text())
def test_safe_id_keeps_what_is_safe(name: str) -> None:
    once = safe_id(name)
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,119}", once)
    assert safe_id(once) == once


def test_links_that_go_round_end(tmp_path: Path, tiny: Phantom) -> None:
    write_phantom_case(tiny, tmp_path / "x", name="x", sequences=("t1ce",))
    (tmp_path / "x" / "again").symlink_to(tmp_path, target_is_directory=True)
    assert open_studies(tmp_path).ids == ("x",)


def test_thousands_of_cases_are_listed_without_reading_them(tmp_path: Path) -> None:
    for n in range(1000):
        folder = tmp_path / f"c{n:04d}"
        folder.mkdir()
        for sequence in ("t1", "t1ce", "t2", "flair", "seg"):
            os.close(os.open(folder / f"c{n:04d}_{sequence}.nii.gz", os.O_CREAT | os.O_WRONLY))
            os.truncate(folder / f"c{n:04d}_{sequence}.nii.gz", 1 << 20)  # sparse, and no image
    start = time.perf_counter()
    studies = open_studies(tmp_path)
    assert len(studies) == 1000
    assert time.perf_counter() - start < 10.0  # 0.2 s on an idle machine


def test_describe_counts_what_is_missing(tmp_path: Path, tiny: Phantom) -> None:
    write_phantom_case(tiny, tmp_path / "x", name="x")
    write_phantom_case(tiny, tmp_path / "y", name="y", sequences=("t1", "t1ce", "flair"), labels=False)
    text = open_studies(tmp_path).describe()
    assert "2 cases" in text
    assert "1 with a label" in text
    assert "1 without t2" in text
