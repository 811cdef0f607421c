"""The page for people: complete, in one file, readable without pictures."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from gliolabel.evaluation.analysis import analyse
from gliolabel.evaluation.cases import VolumeCase
from gliolabel.evaluation.figures.calibration import curve
from gliolabel.evaluation.figures.curves import draw_curves
from gliolabel.evaluation.page import write_page
from gliolabel.evaluation.results import describe
from gliolabel.evaluation.running import Evaluation, ModelUnderTest, evaluate
from gliolabel.evaluation.statistics import Interval
from gliolabel.evaluation.templates import interval, number, p_text, signed
from gliolabel.uncertainty.calibration import Reliability
from gliolabel.vocabulary import RESEARCH_NOTICE


class _Reader(HTMLParser):
    """Text and pictures of a page, and whether every element is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.pictures: list[dict[str, str | None]] = []
        self.text = ""
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "action", "data")]
        if tag == "img":
            self.pictures.append(found)
        elif tag not in ("meta", "link", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.text += data


def _page(found: Evaluation, cases: list[VolumeCase], path: Path, **options: str) -> _Reader:
    analysis = analyse(found)
    about = describe(found, analysis, studies=path.parent, layout="flat files", digests={case.id: case.digests() for case in cases})
    write_page(found, analysis, path, about=about, **options)
    reader = _Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    assert not reader.open
    return reader


def test_two_models(cases: list[VolumeCase], tested: Callable[..., ModelUnderTest], tmp_path: Path) -> None:
    found = evaluate([tested("perfect"), tested("grown", voxels=1)], cases)
    page = _page(found, cases, tmp_path / "report.html")
    assert all(address.startswith("data:image/") for address in page.addresses)
    source = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"https?://|@import|url\(", re.sub(r'src="data:[^"]*"', "", source))
    assert RESEARCH_NOTICE in page.text
    for words in (
        "Summary",
        "Models side by side",
        "Calibration",
        "Volumes",
        "Worst cases",
        "Every case",
        "perfect",
        "grown",
        *found.cases,
    ):
        assert words in page.text
    assert "raining cases are among" not in page.text
    # Three box plots, one paired, reliability, volumes, and each model's cases.
    assert len(page.pictures) == 3 + 1 + 1 + 1 + 2 * 3
    assert all(len(picture["alt"] or "") > 30 for picture in page.pictures)
    assert any("WT: grown better in 0 cases, perfect in 3" in (picture["alt"] or "") for picture in page.pictures)
    for picture in page.pictures:
        content = base64.b64decode((picture["src"] or "").split(",", 1)[1])
        assert content.startswith(b"\x89PNG") or b"<svg" in content[:600]
    value = analyse(found).summaries["grown"]["WT"]["dice"].mean
    assert number(value) in page.text


def test_one_model_and_one_case(cases: list[VolumeCase], tested: Callable[..., ModelUnderTest], tmp_path: Path) -> None:
    found = evaluate([tested("only", voxels=1)], cases[:1])
    page = _page(found, cases, tmp_path / "report.html", title="<b>Ours & theirs</b>")
    assert "<b>Ours & theirs</b>" in page.text
    assert "Models side by side" not in page.text
    assert "1 case of" in page.text


def test_training_cases_and_failures_are_said_loudly(
    cases: list[VolumeCase], tested: Callable[..., ModelUnderTest], tmp_path: Path
) -> None:
    found = evaluate([tested("model", voxels=1, seen=tuple(case.id for case in cases[:2]))], cases)
    found = replace(found, failed={"X": "case X, file X_t2.nii.gz: the file is truncated"})
    page = _page(found, cases, tmp_path / "report.html")
    assert "model was trained on 2 of the 3 cases" in page.text
    tables = (tmp_path / "report.html").read_text(encoding="utf-8").split("<caption>")[1:]
    warned = [table for table in tables if "Training cases are among these" in table.split("</caption>")[0]]
    assert len(warned) == len(tables) - 1  # the error of calibration stands below its picture, which is warned of
    assert "X_t2.nii.gz: the file is truncated" in page.text


def test_curves_beside_the_weights(tmp_path: Path) -> None:
    weights = tmp_path / "unet3d.safetensors"
    assert draw_curves(weights, "model") is None
    (tmp_path / "curves.json").write_text("[1, 2]")
    assert draw_curves(weights, "model") is None
    content = {"epoch": [0, 1, 2], "loss": [0.9, 0.5, 0.25], "score": [None, 0.4, 0.75], "words": ["a", "b", "c"], "short": [1]}
    (tmp_path / "curves.json").write_text(json.dumps(content))
    picture = draw_curves(weights, "model")
    assert picture is not None
    assert "loss 0.25, score 0.75" in picture.alt
    assert "words" not in picture.alt


def test_reliability_curve_by_hand() -> None:
    # 200 voxels of probability 0.25, 50 of them tumour; 100 of 0.9, 80 of them; 10 of 0.5, too few for a point.
    p = np.concatenate([np.full(200, 0.25), np.full(100, 0.9), np.full(10, 0.5)])
    truth = np.concatenate([np.arange(200) < 50, np.arange(100) < 80, np.ones(10, dtype=bool)])
    predicted, observed = curve([(Reliability.count(p, truth), 1.0)])
    np.testing.assert_allclose(predicted, [0.25, 0.9], atol=0.012)
    np.testing.assert_allclose(observed, [0.25, 0.8])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (number(0.12345), "0.123"),
        (number(None), "–"),
        (signed(-1.26, 1), "\u22121.3"),
        (signed(0.5, 1), "+0.5"),
        (interval(Interval(-0.5, 0.25)), "\u22120.500 to 0.250"),
        (interval(None), ""),
        (p_text(0.0001), "< 0.001"),
        (p_text(0.0312), "0.031"),
        (p_text(1.0), "1.00"),
    ],
)
def test_numbers_as_text(text: str, expected: str) -> None:
    assert text == expected
