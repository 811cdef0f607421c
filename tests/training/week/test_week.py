"""A week from beginning to end, on phantoms and with a small network."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.training.retraining.phantom_site import CRITERIA, Looker, small_recipe, write_phantoms

from gliolabel.registry import Registry
from gliolabel.state import StateFolder
from gliolabel.studies import open_studies
from gliolabel.training.gate import load_criteria
from gliolabel.training.week import Day, plan_week, run_week

pytestmark = pytest.mark.slow


def test_each_round_is_trained_judged_and_said(tmp_path: Path) -> None:
    studies = open_studies(write_phantoms(tmp_path / "studies", cases=6, seed=3))
    cases = {case.id: case for case in studies}
    plan = plan_week({case_id: case_id for case_id in cases}, first=1, rounds=2, each=1, locked=2)
    (tmp_path / "criteria.yaml").write_text(CRITERIA)
    told: list[Day] = []

    def live() -> list[Day]:
        return run_week(
            plan,
            cases,
            recipe=small_recipe().model_copy(update={"steps": 10}),
            epochs=1,
            learning_rate=0.005,
            criteria=load_criteria(tmp_path / "criteria.yaml"),
            output=tmp_path / "week",
            device="cpu",
            watch=Looker(),
            report=told.append,
        )

    days = live()
    assert told == days
    assert [day.cases for day in days] == [1, 2, 3]
    assert [day.version for day in days] == ["week-0", "site-1", "site-2"]
    assert days[0].decision == ""
    assert all(day.decision in ("promote", "refuse") and day.sentence for day in days[1:])
    assert days[1].dice["WT"] > days[0].dice["WT"], "a hundred steps after ten must show"
    registry = Registry(state=StateFolder(tmp_path / "week" / "state"))
    assert registry.champion("unet3d").version == days[-1].served
    for version in registry.versions("unet3d"):
        assert not set(version.metadata["trained_on"]) & set(plan.locked)
    # Done again, nothing is trained anew.
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "week").rglob("*.safetensors")}
    assert live() == days
    assert made == {path: path.stat().st_mtime_ns for path in (tmp_path / "week").rglob("*.safetensors")}
