"""The verdict's page: complete, by itself, and true to the verdict."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest

from gliolabel.recipes import ModelVersion
from gliolabel.training.gate import GateCase, Verdict, judge, load_criteria, measure, write_verdict
from gliolabel.vocabulary import RESEARCH_NOTICE

CRITERIA = load_criteria().model_copy(update={"least_patients": 2, "least_patients_per_region": 2})


@pytest.fixture
def worse(corrupted: Callable[..., ModelVersion]) -> ModelVersion:
    return corrupted("site-1", noise=0.1, trained_on={"<b>odd</b>": {"t1": "0" * 64}})


@pytest.fixture
def verdict(starter: ModelVersion, worse: ModelVersion, locked: list[GateCase], opened: list[Any]) -> Verdict:
    return judge(measure(starter, locked), measure(worse, locked), CRITERIA)


def pictures(page: str) -> list[np.ndarray]:
    found = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    return [matplotlib.image.imread(io.BytesIO(base64.b64decode(content)))[..., :3] for content in found]


def test_the_page_says_all_of_it(
    starter: ModelVersion, worse: ModelVersion, locked: list[GateCase], verdict: Verdict, tmp_path: Path
) -> None:
    manifest = {"cases": [{"case_id": "a", "label_version": 3, "source": "accepted"}, {"case_id": "b", "source": "replay"}]}
    path = write_verdict(tmp_path / "v", verdict, criteria=CRITERIA, champion=starter, challenger=worse, cases=locked, manifest=manifest)
    page = path.read_text()
    assert verdict.decision == "refuse"
    assert f"May unet3d site-1 replace unet3d {starter.version}?" in page
    assert verdict.sentence in page
    assert RESEARCH_NOTICE in page
    for check in verdict.checks:
        assert check.words.replace(">", "&gt;") in page
    assert "a (label 3)" in page
    assert "least_patients: 2" in page
    assert "&lt;b&gt;odd&lt;/b&gt;" in page
    assert "<b>odd" not in page
    assert starter.sha256()[:16] in page
    assert page.count("<figure>") == 1 + len(locked)
    # Nothing is loaded from anywhere.
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)
    assert load_criteria(path.with_name("criteria.yaml")) == CRITERIA
    stored = json.loads(path.with_name("verdict.json").read_text())
    assert stored["decision"] == "refuse"
    assert stored["versions"]["challenger"]["sha256"] == worse.sha256()
    assert stored["trained_on"]["accepted"] == ["a (label 3)"]
    assert stored["notice"] == RESEARCH_NOTICE


def test_pictures_show_three_masks(
    starter: ModelVersion, worse: ModelVersion, locked: list[GateCase], verdict: Verdict, tmp_path: Path
) -> None:
    path = write_verdict(tmp_path, verdict, criteria=CRITERIA, champion=starter, challenger=worse, cases=locked)
    for picture in pictures(path.read_text()):
        panels = np.array_split(picture[: int(0.85 * len(picture))], 3, axis=1)
        # Edema is yellow: red and green well above blue. The perfect champion has as much as the truth, the grown mask more.
        yellow = [int(((p[..., 0] - p[..., 2] > 0.1) & (p[..., 1] - p[..., 2] > 0.1)).sum()) for p in panels]
        assert yellow[0] == pytest.approx(yellow[1], rel=0.02)
        assert yellow[2] > 1.1 * yellow[0]


def test_without_a_manifest_the_weights_file_says_what_it_saw(
    starter: ModelVersion, locked: list[GateCase], opened: list[Any], tmp_path: Path
) -> None:
    measures = measure(starter, locked)
    path = write_verdict(
        tmp_path, judge(measures, measures, CRITERIA), criteria=CRITERIA, champion=starter, challenger=starter, cases=locked
    )
    page = path.read_text()
    assert f"{starter.version} ({starter.sha256()[:8]})" in page  # the same name twice says nothing
    assert ", ".join(sorted(starter.metadata["trained_on"])) in page


def test_a_page_without_any_case(starter: ModelVersion, worse: ModelVersion, tmp_path: Path) -> None:
    path = write_verdict(tmp_path, judge([], [], CRITERIA), criteria=CRITERIA, champion=starter, challenger=worse, cases=[])
    page = path.read_text()
    assert "Not proven" in page
    assert "0 locked patients" in page


def test_a_case_that_is_gone_is_said(
    starter: ModelVersion, worse: ModelVersion, locked: list[GateCase], verdict: Verdict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gliolabel.errors import InputError

    def gone(self: GateCase) -> None:
        raise InputError(f"case {self.case_id}: t1.nii.gz is gone")

    monkeypatch.setattr(GateCase, "open", gone)
    page = write_verdict(tmp_path, verdict, criteria=CRITERIA, champion=starter, challenger=worse, cases=locked).read_text()
    assert f"Cannot be shown: case {locked[0].case_id}: t1.nii.gz is gone" in page


def test_other_criteria_are_a_mistake(starter: ModelVersion, worse: ModelVersion, verdict: Verdict, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not those"):
        write_verdict(tmp_path, verdict, criteria=load_criteria(), champion=starter, challenger=worse, cases=[])
    assert not list(tmp_path.glob("*.html"))
