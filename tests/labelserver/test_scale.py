"""A thousand cases: the answers are right and small. How long they take is measured by `gliolabel benchmark --scale`, not here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gliolabel.cli.app import app
from gliolabel.cli.benchmark.scale import REQUESTS, remember, write_many
from gliolabel.labelserver.datastore import CaseDatastore
from gliolabel.labelserver.strategies import strategies
from gliolabel.recipes import ModelVersion
from gliolabel.state import Database, StateFolder
from gliolabel.studies import open_studies

CASES = 1000


class OneModel:
    """Says which model's scores count, as the workbench does."""

    def __init__(self, version: ModelVersion) -> None:
        self.version = version

    def models(self) -> dict[str, ModelVersion]:
        return {self.version.name: self.version}


def test_a_thousand_cases_are_listed_counted_and_offered_once(tmp_path: Path, small_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version = ModelVersion.load(small_weights / "unet3d.safetensors")
    ids = write_many(tmp_path / "studies", cases=CASES)
    folder = StateFolder(tmp_path / "state").create()
    assert remember(folder, ids, version=version) == CASES // 10
    studies = open_studies(tmp_path / "studies")
    cases = CaseDatastore(studies, Database(folder))
    assert cases.status() == {"total": CASES, "completed": 100, "label_tags": {"final": 100, "uncertainty": 100}}
    assert len(cases.listing()) / CASES < 400, "bytes per case"
    assert sorted(json.loads(cases.listing())["objects"]) == ids

    looks = []
    monkeypatch.setattr(studies, "refresh", lambda: looks.append(1))
    most_uncertain = strategies(OneModel(version))["most_uncertain"]
    offered = [most_uncertain({"client_id": f"reader-{number}"}, cases) for number in range(50)]
    assert len({sample["id"] for sample in offered}) == 50
    assert [sample["reason"].split("rank ")[1] for sample in offered] == [f"{rank} of 900" for rank in range(1, 51)]
    assert looks == [], "the study folder is not looked at for each of them"

    before = cases.listing()
    cases.labels.add(offered[0]["id"], tag="final", write=lambda path: path.write_text("x"))
    assert cases.status()["completed"] == 101
    assert offered[0]["id"] not in cases.get_unlabeled_images()
    changed = json.loads(cases.listing())["objects"]
    old = json.loads(before)["objects"]
    assert [case_id for case_id in ids if changed[case_id] != old[case_id]] == [offered[0]["id"]]


@pytest.mark.slow
def test_the_benchmark_measures_a_real_server(tmp_path: Path) -> None:
    output = tmp_path / "scale.json"
    result = CliRunner().invoke(app, ["benchmark", "--scale", "--cases", "40", "--output", str(output)])
    assert result.exit_code == 0, result.output
    assert "Next" in result.output
    row = json.loads(output.read_text())["rows"][0]
    assert (row["cases"], row["completed"]) == (40, 4)
    for kind in ("first_ms", "median_ms", "worst_ms"):
        assert set(row[kind]) == set(REQUESTS)
        assert all(value > 0 for value in row[kind].values())
    assert all(row["worst_ms"][request] >= row["median_ms"][request] for request in REQUESTS)
    assert row["memory_mib"] > 100
