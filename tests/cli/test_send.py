"""``gliolabel send`` on a folder of DICOM files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from tests.dicom.conftest import volumes
from tests.dicom.written import Written, classic, keep, mask_of

from gliolabel.phantoms import make_phantom
from gliolabel.state import Database, StateFolder

__all__ = ["volumes"]  # a fixture of the DICOM tests


@pytest.fixture
def case(tmp_path: Path, volumes: dict) -> Written:
    return classic(tmp_path / "dicom", volumes)


@pytest.fixture
def state(tmp_path: Path, case: Written) -> Path:
    """A state folder with an accepted label of the case."""
    folder = StateFolder(tmp_path / "state").create()
    database = Database(folder)
    mask = make_phantom(shape=(18, 30, 24), seed=3).labels.astype(np.uint8)
    keep(database, case.case_id, mask, case.sources["t1ce"].grid)
    database.close()
    return folder.path


def test_results_are_told_then_sent_then_there_already(gliolabel: Callable, case: Written, state: Path, tmp_path: Path) -> None:
    def send(*more: str) -> dict:
        answer = gliolabel("--state", state, "send", tmp_path / "dicom", "--json", *more)
        assert answer.code == 0, answer.err
        return dict(json.loads(answer.out))

    def states(found: dict) -> list[str]:
        return [one["state"] for one in found["cases"][0]["objects"]]

    assert states(send("--dry-run")) == ["would be sent"] * 3
    assert not (state / "results").exists()
    found = send()
    assert states(found) == ["sent"] * 3
    assert (found["place"], found["failed"]) == (str(state / "results"), {})
    assert states(send("--case", case.case_id)) == ["there already"] * 3
    (path,) = (state / "results").rglob("segmentation-*.dcm")
    assert mask_of(pydicom.dcmread(path), case.sources["t1ce"]).any()
    assert states(send("--what", "model", "--output", str(tmp_path / "out"))) == ["sent"] * 3
    assert len(list((tmp_path / "out").rglob("*.dcm"))) == 3

    checks = json.loads(gliolabel("--state", state, "doctor", "--json").out)["checks"]
    assert {"Results": "1 sent, none waits"}.items() <= {one["name"]: one["message"] for one in checks}.items()
    shown = gliolabel("--state", state, "send", tmp_path / "dicom")
    assert f"{case.case_id}: segmentation (there already), uncertainty (there already), report (there already)" in shown.out
    assert "Mustermann" not in shown.out + shown.err


def test_what_cannot_be_sent_is_named(gliolabel: Callable, case: Written, state: Path, tmp_path: Path) -> None:
    answer = gliolabel("--state", state, "send", tmp_path / "dicom", "--case", "study-of-another", "--case", case.case_id)
    assert answer.code == 1
    assert "'study-of-another' has no accepted label" in answer.err
    assert "1 of 2 cases" in answer.err
    assert gliolabel("--state", tmp_path / "none", "send", tmp_path / "dicom").code == 2
    (tmp_path / "empty").mkdir()
    answer = gliolabel("--state", state, "send", tmp_path / "empty")
    assert answer.code == 2
    assert "no DICOM" in answer.err
