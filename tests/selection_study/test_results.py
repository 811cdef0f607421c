"""Curves, areas and paired differences: from records to numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.selection_study.conftest import MadeUpTrials

from gliolabel.selection_study.chart import draw_chart
from gliolabel.selection_study.design import STRATEGIES, Design
from gliolabel.selection_study.records import Record, Records
from gliolabel.selection_study.results import sentences, summarise_study
from gliolabel.selection_study.running import Study

DESIGN = Design(budgets=(4, 8, 12))


@pytest.fixture
def records(made_up: MadeUpTrials, tmp_path: Path) -> list[Record]:
    """Five repetitions in which every strategy is as good as the number of its cases."""
    return Study(DESIGN, seeds=range(5), trials=made_up, records=Records(tmp_path, {})).run()


def better(records: list[Record], strategy: str, by: float) -> list[Record]:
    return [
        replace(one, outcome=replace(one.outcome, dice={case_id: value + by for case_id, value in one.outcome.dice.items()}))
        if one.strategy == strategy
        else one
        for one in records
    ]


def test_curves_are_means_over_locked_patients(records: list[Record], made_up: MadeUpTrials) -> None:
    found = summarise_study(records, DESIGN, made_up.facts)
    assert found["seeds"] == [0, 1, 2, 3, 4]
    by_seed = {seed: next(one for one in records if one.seed == seed and one.budget == 4) for seed in found["seeds"]}
    for strategy in STRATEGIES:
        first, _, last = found["curves"][strategy]
        assert first["by_seed"] == pytest.approx([np.mean(list(one.outcome.dice.values())) for one in by_seed.values()])
        assert last["dice"] == pytest.approx(first["dice"] + 0.08)
        assert first["interval"]["low"] < first["dice"] < first["interval"]["high"]
        assert found["areas"][strategy]["dice"] == pytest.approx(first["dice"] + 0.04), "a straight line"
    assert found["all"]["dice"] == pytest.approx(first["dice"] + 0.14)
    assert found["doubt"]["models"] == 5 * 3
    assert found["doubt"]["spearman"] == pytest.approx(1.0)


def test_differences_are_paired(records: list[Record], made_up: MadeUpTrials) -> None:
    """Patients differ much more than strategies do: only pairing shows so small a difference."""
    found = summarise_study(better(records, "most_uncertain", 0.001), DESIGN, made_up.facts)
    rows = {(row["strategy"], row["against"], row["at"]): row for row in found["differences"]}
    assert len(rows) == 9
    assert rows["most_uncertain", "random", 8]["dice"] == pytest.approx(0.001)
    assert rows["most_uncertain", "random", 8]["interval"] == pytest.approx({"low": 0.001, "high": 0.001})
    assert rows["most_uncertain", "random", 8]["better"] == 5
    # The first point is shared: of the two trapezoids the first rises to the difference, the second has it throughout.
    assert rows["most_uncertain", "random", "area"]["dice"] == pytest.approx(0.00075)
    same = rows["random", "stratified_random", "area"]
    assert (same["dice"], same["interval"], same["better"]) == (0.0, {"low": 0.0, "high": 0.0}, 0)


@pytest.mark.parametrize(
    ("by", "words"), [(0.01, "most_uncertain was better"), (-0.01, "random was better"), (0.0, "no difference is shown")]
)
def test_the_sentence_says_what_the_interval_says(records: list[Record], made_up: MadeUpTrials, by: float, words: str) -> None:
    first = sentences(summarise_study(better(records, "most_uncertain", by), DESIGN, made_up.facts))[0]
    assert first.startswith("most_uncertain minus random")
    assert first.endswith(f"{words}.")


def test_one_repetition_has_no_interval(records: list[Record], made_up: MadeUpTrials) -> None:
    found = summarise_study([one for one in records if one.seed == 0], DESIGN, made_up.facts)
    assert found["areas"]["random"]["interval"] is None
    assert "too few repetitions" in sentences(found)[0]
    assert draw_chart(found).startswith(b"<?xml")


def test_a_missing_training_is_named(records: list[Record], made_up: MadeUpTrials) -> None:
    with pytest.raises(ValueError, match="seed 2: the training of random on 8 cases is missing"):
        summarise_study([one for one in records if (one.seed, one.strategy, one.budget) != (2, "random", 8)], DESIGN, made_up.facts)


def test_the_chart_shows_every_strategy(records: list[Record], made_up: MadeUpTrials) -> None:
    found = summarise_study(records, DESIGN, made_up.facts)
    assert draw_chart(found) == draw_chart(found)
    assert b"<svg" in draw_chart(found)
