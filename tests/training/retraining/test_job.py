"""What a retraining is made of, and its folder; no network runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.training.retraining.phantom_site import Site

from gliolabel.errors import ConflictError, InputError
from gliolabel.state import StateFolder
from gliolabel.state.roles import Role
from gliolabel.training.retraining.folder import JobFolder, job_folders, one_at_a_time
from gliolabel.training.retraining.job import Job, JobFile, Outcome, check_images
from gliolabel.training.retraining.planning import MOST_WEIGHT, draw_weights


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, early_weights: Path, site_studies: Path) -> Job:
    """A job; jobs never change."""
    return Site(tmp_path_factory.mktemp("made"), weights=early_weights, studies=site_studies).job().job()


def changed(job: Job, **changes: Any) -> Job:
    return Job.model_validate({**job.model_dump(), **changes})


def test_a_patient_is_on_one_side_only(made: Job) -> None:
    cases = list(made.model_dump()["cases"])
    cases[0]["patient"] = cases[-1]["patient"]
    with pytest.raises(ValueError, match=f"patient {cases[-1]['patient']} has cases of several roles"):
        changed(made, cases=cases)


@pytest.mark.parametrize(("place", "weight"), [(0, 0.0), (-1, 1.0)])
def test_what_is_for_training_has_a_weight_and_nothing_else_has(made: Job, place: int, weight: float) -> None:
    cases = list(made.model_dump()["cases"])
    cases[place]["weight"] = weight
    with pytest.raises(ValueError, match=f"case {cases[place]['case_id']}: has the role"):
        changed(made, cases=cases)


@pytest.mark.parametrize("change", [{"id": "other"}, {"seed": 5}, {"promote": False}, {"device": "cuda"}])
def test_who_asks_and_when_does_not_change_what_is_learned(made: Job, change: dict[str, Any]) -> None:
    assert changed(made, **change).learns_from() == made.learns_from()


def test_a_label_a_champion_or_an_option_does(made: Job) -> None:
    cases = list(made.model_dump()["cases"])
    cases[0]["label_sha256"] = "0" * 64
    others = [changed(made, cases=cases), changed(made, champion="other"), changed(made, epochs=2), changed(made, learning_rate=0.5)]
    assert len({job.learns_from() for job in [made, *others]}) == 5


def test_images_of_locked_cases_are_recognised_by_their_bytes() -> None:
    check_images({"a": {"t1": "1"}}, {"b": {"t1": "2"}})
    with pytest.raises(InputError, match="case a: its flair is the very file of case b"):
        check_images({"a": {"t1": "1", "flair": "2"}}, {"b": {"t1": "2"}})


def test_new_labels_weigh_more_but_not_without_limit() -> None:
    one_of_many = draw_weights({"new": True, **{f"old{number}": False for number in range(40)}})
    assert one_of_many["new"] == MOST_WEIGHT
    assert set(one_of_many.values()) == {1.0, MOST_WEIGHT}
    many_of_few = draw_weights({"old": False, **{f"new{number}": True for number in range(40)}})
    assert set(many_of_few.values()) == {1.0}
    half = draw_weights({"n1": True, "n2": True, **{f"old{number}": False for number in range(6)}})
    assert half["n1"] + half["n2"] == sum(half[f"old{number}"] for number in range(6))


def test_a_job_is_read_as_it_was_written(site: Site) -> None:
    folder = site.job()
    assert [found.path for found in job_folders(site.state)] == [folder.path]
    assert [case.case_id for case in folder.job().of_role(Role.TRAIN)] == [case.case_id for case in site.cases()[:4]]
    case = folder.job().of_role(Role.LOCKED)[0].case()
    label = case.read_label()
    assert label is not None
    assert set(label.ravel().tolist()) <= {0, 1, 2, 3}


@pytest.mark.parametrize("content", ["", "{}", '{"id": "x"'])
def test_a_damaged_job_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "job.json").write_text(content)
    with pytest.raises(InputError, match=r"job\.json: cannot be read as a retraining"):
        JobFolder(tmp_path).job()


def test_what_is_noted_survives_a_line_that_was_cut_off(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path)
    folder.note({"began": True})
    folder.note({"said": "epoch 1"})
    with folder.progress.open("a") as stream:
        stream.write('{"said": "epo')
    assert folder.noted() == [{"began": True}, {"said": "epoch 1"}]


def test_the_end_deletes_what_only_a_continuation_needs(site: Site) -> None:
    folder = site.job()
    (folder.run / "cache").mkdir(parents=True)
    (folder.run / "checkpoint.pt").write_bytes(b"x")
    assert folder.outcome() is None
    outcome = Outcome(status="STOPPED", sentence="stopped")
    folder.end(outcome)
    assert folder.outcome() == outcome
    assert not folder.run.exists()


def test_images_in_the_cache_are_kept_until_the_end(site: Site) -> None:
    cached = site.state.cache / "volumes" / "P2_000_t1ce.nii.gz"
    cached.parent.mkdir(parents=True)
    cases = list(site.cases())
    cached.write_bytes(cases[0].sequences["t1ce"].path.read_bytes())
    elsewhere = cases[0].sequences["flair"]
    cases[0] = cases[0].model_copy(update={"sequences": {"t1ce": JobFile(path=cached), "flair": elsewhere}})
    folder = site.job(cases=tuple(cases))
    cached.unlink()  # a cache may be emptied at any time
    kept = folder.job().cases[0]
    assert kept.sequences["flair"] == elsewhere
    assert kept.case().read().arrays["t1ce"].shape == (24, 40, 40)
    folder.end(Outcome(status="STOPPED", sentence="stopped"))
    assert not folder.images.exists()


def test_one_retraining_at_a_time(tmp_path: Path) -> None:
    state = StateFolder(tmp_path).create()
    with one_at_a_time(state), pytest.raises(ConflictError, match="Another training is under way"), one_at_a_time(state):
        pass
    with one_at_a_time(state):
        pass
