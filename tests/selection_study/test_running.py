"""The course of a study: who is trained on and tested, what is kept, and going on after an interruption."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.selection_study.conftest import MadeUpTrials, doubt

from gliolabel.errors import InputError, UnavailableError
from gliolabel.selection_study.design import ALL, FIRST, STRATEGIES, Design
from gliolabel.selection_study.records import Record, Records
from gliolabel.selection_study.running import Advance, Study

DESIGN = Design(budgets=(4, 8, 12))
IDENTITY = {"recipe": "one", "design": DESIGN.as_json()}


def study(trials: MadeUpTrials, folder: Path, *, seeds: int = 3) -> Study:
    return Study(DESIGN, seeds=range(seeds), trials=trials, records=Records(folder, IDENTITY))


def by_key(records: list[Record]) -> dict[tuple[int, str, int], Record]:
    return {(record.seed, record.strategy, record.budget): record for record in records}


def test_no_locked_patient_is_ever_trained_on_or_scored(made_up: MadeUpTrials, tmp_path: Path) -> None:
    whole = study(made_up, tmp_path, seeds=8)
    records = whole.run()
    assert len(records) == len(made_up.asked) == whole.total == 8 * 8
    draws = {one.seed: one for one in whole.draws}
    for asked in made_up.asked:
        one = draws[asked["seed"]]
        assert asked["test"] == one.locked
        assert set(one.locked).isdisjoint({*asked["labelled"], *asked["score"]})
        assert set(asked["score"]).isdisjoint(asked["labelled"])
        assert {*asked["labelled"], *asked["score"]} <= set(one.pool)


def test_budgets_are_nested_and_the_first_cases_shared(made_up: MadeUpTrials, tmp_path: Path) -> None:
    found = by_key(study(made_up, tmp_path).run())
    for seed in range(3):
        first = found[seed, FIRST, 4]
        for strategy in STRATEGIES:
            middle, last = found[seed, strategy, 8], found[seed, strategy, 12]
            assert middle.labelled[:4] == first.labelled
            assert last.labelled[:8] == middle.labelled
            assert len(set(last.labelled)) == 12
            assert len(middle.reasons) == 4
        assert sorted(found[seed, ALL, 18].labelled) == sorted(study(made_up, tmp_path).draws[seed].pool)


def test_most_uncertain_takes_the_cases_its_own_model_doubts_most(made_up: MadeUpTrials, tmp_path: Path) -> None:
    whole = study(made_up, tmp_path, seeds=1)
    found = by_key(whole.run())
    before = set(found[0, FIRST, 4].labelled)
    left = sorted((case_id for case_id in whole.draws[0].pool if case_id not in before), key=doubt, reverse=True)
    assert list(found[0, "most_uncertain", 12].labelled[4:]) == left[:8]


def test_only_what_a_strategy_looks_at_is_scored(made_up: MadeUpTrials, tmp_path: Path) -> None:
    found = by_key(study(made_up, tmp_path, seeds=1).run())
    scored = {key[1:]: len(record.outcome.pool) for key, record in found.items()}
    assert scored == {
        (FIRST, 4): 14,
        ("most_uncertain", 8): 10,
        ("most_uncertain", 12): 0,
        ("random", 8): 0,
        ("random", 12): 0,
        ("stratified_random", 8): 10,
        ("stratified_random", 12): 0,
        (ALL, 18): 0,
    }


def test_the_same_seeds_give_the_same_study(made_up: MadeUpTrials, tmp_path: Path) -> None:
    once = [record.labelled for record in study(made_up, tmp_path / "a").run()]
    again = [record.labelled for record in study(MadeUpTrials(made_up.facts), tmp_path / "b").run()]
    assert once == again


def test_an_interrupted_study_goes_on_and_repeats_nothing(made_up: MadeUpTrials, tmp_path: Path) -> None:
    whole = [(record.labelled, record.outcome) for record in study(MadeUpTrials(made_up.facts), tmp_path / "whole").run()]
    stopped = replace(made_up, asked=[], stop_after=5)
    with pytest.raises(KeyboardInterrupt):
        study(stopped, tmp_path / "parts").run()
    rest = replace(made_up, asked=[])
    advances: list[Advance] = []
    records = study(rest, tmp_path / "parts").run(advances.append)
    assert [(record.labelled, record.outcome) for record in records] == whole
    assert len(rest.asked) == 3 * 8 - 5
    assert [advance.done for advance in advances] == list(range(1, 25))
    assert advances[-1].seconds_left == 0
    assert not list((tmp_path / "parts").rglob("*.tmp"))
    assert not (tmp_path / "parts" / "work").exists()


def test_more_repetitions_are_added_to_a_finished_study(made_up: MadeUpTrials, tmp_path: Path) -> None:
    study(made_up, tmp_path, seeds=2).run()
    asked = len(made_up.asked)
    assert len(study(made_up, tmp_path, seeds=3).run()) == 24
    assert len(made_up.asked) == asked + 8


def test_records_come_back_as_they_were(made_up: MadeUpTrials, tmp_path: Path) -> None:
    records = study(made_up, tmp_path, seeds=1).run()
    assert [Record.from_json(json.loads(json.dumps(record.as_json()))) for record in records] == records


def test_a_folder_of_another_study_is_refused(made_up: MadeUpTrials, tmp_path: Path) -> None:
    study(made_up, tmp_path, seeds=1).run()
    with pytest.raises(InputError, match=r"holds another study \(recipe differ\)"):
        Records(tmp_path, {**IDENTITY, "recipe": "two"})


def test_a_study_that_never_began_leaves_nothing(tmp_path: Path) -> None:
    Records(tmp_path / "new", IDENTITY)
    assert not (tmp_path / "new").exists()


def test_a_folder_that_cannot_be_written_is_named(made_up: MadeUpTrials, tmp_path: Path) -> None:
    record = study(made_up, tmp_path / "study", seeds=1).run()[0]
    (tmp_path / "file").write_text("")
    with pytest.raises(UnavailableError, match=r"study\.json cannot be written"):
        Records(tmp_path / "file", IDENTITY).add(record)


def test_a_damaged_record_is_named(made_up: MadeUpTrials, tmp_path: Path) -> None:
    study(made_up, tmp_path, seeds=1).run()
    (tmp_path / "seed-00" / "008-random.json").write_text("{")
    with pytest.raises(InputError, match=r"008-random\.json cannot be read .* Delete it"):
        study(made_up, tmp_path, seeds=1).run()
