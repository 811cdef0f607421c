"""What a retraining would learn from, and which of those that were interrupted is continued; no network runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.training.retraining.phantom_site import small_recipe, write_phantoms

from gliolabel.errors import InputError, UnavailableError
from gliolabel.labelserver.datastore import CaseDatastore
from gliolabel.labelserver.retrainings import Retrainings, Wanted
from gliolabel.recipes import build_network, save_model_version
from gliolabel.registry import Registry
from gliolabel.state import Database, StateFolder
from gliolabel.state.audit import AuditLog
from gliolabel.state.files import file_sha256
from gliolabel.state.roles import Role
from gliolabel.studies import open_studies
from gliolabel.studies.writing import write_volume
from gliolabel.training.retraining.folder import JobFolder
from gliolabel.training.retraining.job import Job, Outcome, Owner

ANN = Owner(name="ann", address="192.0.2.7")
CASES = 10


class Bench:
    """A datastore over phantoms, and its retrainings."""

    def __init__(self, folder: Path, studies: Path, *, import_labels: bool, trained_on: dict[str, dict[str, str]]) -> None:
        self.folder = folder
        recipe = small_recipe()
        torch.manual_seed(0)
        weights = build_network(recipe.network).state_dict()
        about = {"trained_on": trained_on}
        save_model_version(
            folder / "weights" / "unet3d.safetensors", weights, name="unet3d", version="first-1", recipe=recipe, metadata=about
        )
        state = StateFolder(folder / "state").create()
        self.database = Database(state)
        self.cases = CaseDatastore(open_studies(studies), self.database, import_labels=import_labels)
        self.registry = Registry(folder / "weights", state=state)
        self.cases.training_lists.registry = self.registry
        self.retrainings = Retrainings(self.cases, self.registry, self.database)

    def submit(self, case_id: str, *, voxels: int = 300) -> None:
        grid = self.cases.case(case_id).case.grid()
        array = np.zeros(grid.shape, np.uint8)
        array.ravel()[:voxels] = 2
        path = self.folder / f"{case_id}.nrrd"
        write_volume(array, grid, path)
        self.cases.submit(case_id, path, tag="final", info={"client_id": "ann"})

    def wanted(self, *, epochs: int = 1, owner: Owner = ANN) -> Wanted:
        return Wanted(model="unet3d", epochs=epochs, learning_rate=0.001, device="cpu", promote=True, owner=owner)

    def plan(self, *, epochs: int = 1) -> Job:
        return self.retrainings.plan(self.wanted(epochs=epochs))

    def begin(self, *, epochs: int = 1) -> JobFolder:
        return self.retrainings.begin(self.plan(epochs=epochs))


@pytest.fixture(scope="session")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_phantoms(tmp_path_factory.mktemp("studies"), cases=CASES, seed=4)


@pytest.fixture
def bench(tmp_path: Path, studies: Path) -> Callable[..., Bench]:
    def make(*, import_labels: bool = True, trained_on: tuple[str, ...] = ()) -> Bench:
        seen = {
            f"other name {case.id}": {name: file_sha256(file.path) for name, file in case.sequences.items()}
            for case in open_studies(studies)
            if case.id in trained_on
        }
        return Bench(tmp_path, studies, import_labels=import_labels, trained_on=seen)

    return make


def test_without_an_accepted_label_there_is_nothing_to_learn_from(bench: Callable[..., Bench]) -> None:
    with pytest.raises(InputError, match="There is no accepted label"):
        bench(import_labels=False).plan()


def test_without_a_label_for_training_there_is_not_either(bench: Callable[..., Bench]) -> None:
    made = bench(import_labels=False)
    for case_id in made.cases.list_images():
        made.submit(case_id)
    held = [case_id for case_id, row in made.cases.roles.all().items() if row.role != Role.TRAIN]
    assert 0 < len(held) < CASES
    for case_id in made.cases.list_images():
        if case_id not in held:
            made.cases.remove_label(case_id, "final")
    with pytest.raises(InputError, match=rf"None of the {len(held)} accepted labels is for training \(0 train"):
        made.plan()


def test_a_job_holds_every_label_in_its_role_and_locked_cases_weigh_nothing(bench: Callable[..., Bench]) -> None:
    made = bench()
    job = made.plan()
    roles = made.cases.roles.all()
    assert {case.case_id: str(case.role) for case in job.cases} == {case_id: row.role for case_id, row in roles.items()}
    assert {len(job.of_role(role)) > 0 for role in Role} == {True}
    assert all((case.weight > 0) == (case.role == Role.TRAIN) for case in job.cases)
    assert all(file_sha256(case.label) == case.label_sha256 for case in job.cases)
    assert job.owner == ANN


def test_labels_that_the_champion_knows_are_replayed_and_new_ones_weigh_more(bench: Callable[..., Bench]) -> None:
    known = tuple(f"P4_{number:03d}" for number in range(CASES))
    made = bench(trained_on=known)
    with pytest.raises(InputError, match=r"Nothing is new for unet3d: first-1 has learned from all \d+ accepted labels"):
        made.plan()
    made.submit(known[0])
    parts = {case.case_id: case for case in made.plan().of_role(Role.TRAIN)}
    assert {case_id for case_id, case in parts.items() if case.source == "accepted"} == {known[0]}
    assert parts[known[0]].weight == 4.0
    assert {case.weight for case_id, case in parts.items() if case_id != known[0]} == {1.0}


def test_the_same_training_is_not_done_twice(bench: Callable[..., Bench]) -> None:
    made = bench()
    folder = made.begin()
    folder.end(Outcome(status="DONE", sentence="Refused: Dice fell.", version="site-1", decision="refuse"))
    with pytest.raises(InputError, match=r"Nothing is new for unet3d since site-1 was trained: Refused: Dice fell\."):
        made.plan()
    assert made.plan(epochs=2).epochs == 2
    train = next(case.case_id for case in folder.job().of_role(Role.TRAIN))
    made.submit(train)
    assert made.plan().of_role(Role.TRAIN)


@pytest.mark.parametrize("status", ["STOPPED", "ERROR"])
def test_one_that_came_to_nothing_may_be_tried_again(bench: Callable[..., Bench], status: str) -> None:
    made = bench()
    made.begin().end(Outcome.model_validate({"status": status, "sentence": "x"}))
    assert made.begin().outcome() is None


def test_what_was_interrupted_is_continued_by_the_same_request_and_given_up_by_another(bench: Callable[..., Bench]) -> None:
    made = bench()
    folder = made.begin()
    assert made.begin() == folder
    assert made.retrainings.to_continue("unet3d") == folder
    assert made.retrainings.to_continue("resunet2d") is None
    other = made.begin(epochs=2)
    assert other != folder
    outcome = folder.outcome()
    assert outcome is not None
    assert outcome.status == "STOPPED"
    assert made.retrainings.to_continue("unet3d") == other


def test_what_was_to_be_promoted_is_not_continued_for_somebody_who_wants_to_decide(bench: Callable[..., Bench]) -> None:
    made = bench()
    folder = made.begin()
    waiting = made.retrainings.begin(made.plan().model_copy(update={"promote": False}))
    assert waiting != folder
    assert folder.outcome() is not None
    assert not waiting.job().promote


def test_what_ends_again_and_again_is_not_continued_by_itself(bench: Callable[..., Bench]) -> None:
    made = bench()
    folder = made.begin()
    for _ in range(5):
        folder.note({"began": True})
    assert made.retrainings.to_continue("unet3d") is None
    folder.note({"said": "epoch 1 of 3", "stats": {"epoch": 1.0}})
    assert made.retrainings.to_continue("unet3d") == folder, "it came further"


def test_labels_are_counted_from_the_last_training_on(bench: Callable[..., Bench]) -> None:
    made = bench()
    assert made.retrainings.newly_accepted("unet3d") == 0, "labels beside cases are nobody's submission"
    train = [case.case_id for case in made.plan().of_role(Role.TRAIN)]
    made.submit(train[0])
    made.submit(train[0], voxels=400)
    assert made.retrainings.newly_accepted("unet3d") == 2
    made.begin()
    assert made.retrainings.newly_accepted("unet3d") == 0
    time.sleep(0.01)
    made.submit(train[1])
    again = Retrainings(made.cases, made.registry, made.database)
    assert again.newly_accepted("unet3d") == 1, "a restart forgets nothing"


def test_who_began_and_how_it_ended_is_in_the_audit_log(bench: Callable[..., Bench]) -> None:
    made = bench()
    folder = made.begin()
    assert not made.retrainings.note_start(folder)
    folder.note({"began": True})
    assert made.retrainings.note_start(folder)
    made.retrainings.note_end(folder, status="STOPPED", sentence="stopped", actor="ben")
    log = AuditLog(made.database)
    started, ended = log.entries(event="training started"), log.entries(event="training ended")
    assert [(row.actor, row.version, row.reason) for row in started] == [
        ("ann", "first-1", ""),
        ("ann", "first-1", "continued after an interruption"),
    ]
    assert [(row.actor, row.reason, row.details["status"]) for row in ended] == [("ben", "stopped", "STOPPED")]


def test_a_state_folder_that_cannot_be_written_is_told_before_anything_begins(bench: Callable[..., Bench]) -> None:
    made = bench()
    made.database.folder.trainings.write_text("a file where a folder is needed")
    with pytest.raises(UnavailableError, match="cannot be written"):
        made.begin()
