"""All sequences of a case over the wire, and the uncertainty of one region."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from tests.labelserver.conftest import Server
from tests.labelserver.promises import FROM_ELSEWHERE

from gliolabel.studies import open_studies


def image(content: bytes, file: Path) -> np.ndarray:
    file.write_bytes(content)
    return sitk.GetArrayFromImage(sitk.ReadImage(str(file)))


def test_a_cases_sequences_are_listed_the_reference_first(shared_server: Server) -> None:
    case = {case.id: case for case in open_studies(shared_server.studies)}["Case_001"]
    told = shared_server.get("/datastore/image/sequences", params={"image": "Case_001"}).json()
    assert (told["image"], told["reference"], told["missing"]) == ("Case_001", "t1ce", [])
    assert [entry["sequence"] for entry in told["sequences"]] == ["t1ce", "flair", "t2", "t1"]
    assert [entry["path"] for entry in told["sequences"]] == [str(case.sequences[name].path.resolve()) for name in case.shown]


def test_where_they_lie_is_told_on_this_machine_only(shared_server: Server) -> None:
    told = shared_server.get("/datastore/image/sequences", params={"image": "Case_001"}, headers=FROM_ELSEWHERE)
    assert [list(entry) for entry in told.json()["sequences"]] == [["sequence"]] * 4
    assert str(shared_server.studies) not in told.text


@pytest.mark.parametrize("sequence", ["t1ce", "flair", "t2", "t1"])
def test_each_is_sent_as_it_is(shared_server: Server, sequence: str, tmp_path: Path) -> None:
    case = {case.id: case for case in open_studies(shared_server.studies)}["Case_001"]
    answer = shared_server.get("/datastore/image/sequence", params={"image": "Case_001", "sequence": sequence})
    assert answer.content == case.sequences[sequence].path.read_bytes()
    assert f"Case_001_{sequence}.nii.gz" in answer.headers["content-disposition"]


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"image": "Case_001", "sequence": "pd"}, 404),
        ({"image": "Case_001", "sequence": "../t1"}, 404),
        ({"image": "nobody", "sequence": "t1"}, 404),
        ({"image": "../Case_001", "sequence": "t1"}, 404),
        ({"image": "Case_001"}, 422),
    ],
)
def test_what_is_not_there_is_named(shared_server: Server, params: dict[str, str], status: int) -> None:
    answer = shared_server.get("/datastore/image/sequence", params=params)
    assert answer.status_code == status
    assert answer.json()["detail"]


def test_each_regions_map_is_its_own_and_the_cases_is_their_largest(shared_server: Server, tmp_path: Path) -> None:
    maps = {}
    for region in ("case", "WT", "TC", "ET"):
        form = {"params": json.dumps({"passes": 4, "region": region, "result_extension": ".nii.gz"})}
        answer = shared_server.post("/infer/uncertainty", params={"image": "Case_001", "output": "image"}, data=form)
        assert answer.status_code == 200, answer.text
        maps[region] = image(answer.content, tmp_path / f"{region}.nii.gz")
    regions = [maps[region] for region in ("WT", "TC", "ET")]
    np.testing.assert_allclose(np.max(regions, axis=0), maps["case"], atol=2.6e-4)
    assert any(np.abs(regions[0] - other).max() > 1e-3 for other in regions[1:])


def test_another_region_is_refused(shared_server: Server) -> None:
    form = {"params": json.dumps({"region": "NCR"})}
    answer = shared_server.post("/infer/uncertainty", params={"image": "Case_001"}, data=form)
    assert answer.status_code == 422
    assert "region = 'NCR'" in answer.json()["detail"]
