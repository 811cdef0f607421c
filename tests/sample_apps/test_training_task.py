"""What Train does with the completed cases, without a server around it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from lgg_app import SMALL
from made_up_slices import write_flair_volume, write_patient

from gliolabel.errors import InputError
from gliolabel.labelserver.readers import Readers
from gliolabel.labelserver.slices import LatestWeights, SliceCaseSegmenter, SliceDatastore, SliceStudies, SliceTrainTask
from gliolabel.labelserver.slices.training_folder import write_training_folder
from gliolabel.labelserver.training_runs import TrainingRun
from gliolabel.labelserver.workbench import Workbench
from gliolabel.recipes import load_recipe
from gliolabel.state import Database, StateFolder
from gliolabel.studies.lgg import open_lgg
from gliolabel.vocabulary import LabelSet

TUMOR = LabelSet({"tumor": 1}, {"tumor": (1,)})


class Bench:
    """Datastore, weights and trainer over a folder, put together as the app does."""

    def __init__(self, folder: Path, *, name: str = "patsatzi2023_unet2d_lgg") -> None:
        self.state = StateFolder(folder / "state").create()
        self.cases = SliceDatastore(SliceStudies(folder / "studies"), Database(self.state), label_set=TUMOR)
        self.weights = LatestWeights("lgg_flair", self.state.path / "models")
        self.workbench = Workbench(
            registry=self.weights,
            models=["lgg_flair"],
            segmenter=partial(SliceCaseSegmenter, label_set=TUMOR),
            label_set=TUMOR,
            maps=self.cases.maps,
            notes=self.cases.notes,
            readers=Readers(),
            device="cpu",
        )
        recipe = load_recipe(name, [*SMALL, "network.dropout=[0.1]"] if name == "patsatzi2023_unet2d_lgg" else [])
        self.task = SliceTrainTask(recipe, self.weights, workbench=self.workbench, folder=self.state)

    def train(self, **request: object) -> TrainingRun:
        run = TrainingRun("lgg_flair", request, Readers())
        run.result = self.task.train(request, self.cases, run)
        return run


def silent(line: str) -> None:
    raise AssertionError(f"nothing was to be said: {line}")


def test_completed_cases_become_a_folder_like_the_lgg_set(tmp_path: Path) -> None:
    colour, tumour = write_patient(tmp_path / "studies", "A", seed=1)
    flair, volume_tumour = write_flair_volume(
        tmp_path / "studies" / "V_flair.nrrd", seed=2, mask=tmp_path / "studies" / "V_seg.nrrd", direction=(-1, 0, 0, 0, -1, 0, 0, 0, 1)
    )
    write_patient(tmp_path / "studies", "open", seed=3, masks=False)
    written = write_training_folder(Bench(tmp_path).cases, tmp_path / "out", say=silent, pause=lambda: None)
    assert written == ["A", "V"]
    studies = {case.id: case for case in open_lgg(tmp_path / "out")}
    assert set(studies) == {"A", "V"}
    for index, name in enumerate(("t1", "flair", "t1ce")):
        np.testing.assert_array_equal(studies["A"].read()[name], colour[..., index])
    np.testing.assert_array_equal(studies["A"].read_masks(), tumour)
    # The volume lies on its side in its file; its slices lie as those of the set, in 0..255.
    np.testing.assert_array_equal(studies["V"].read_masks(), volume_tumour)
    assert np.corrcoef(studies["V"].read()["t1"].ravel(), flair.ravel())[0, 1] > 0.999


def test_a_case_that_cannot_be_read_is_named_and_left_out(tmp_path: Path) -> None:
    write_patient(tmp_path / "studies", "A", seed=1)
    write_patient(tmp_path / "studies", "B", seed=2)
    (tmp_path / "studies" / "B" / "B_2.tif").write_bytes(b"")
    said: list[str] = []
    assert write_training_folder(Bench(tmp_path).cases, tmp_path / "out", say=said.append, pause=lambda: None) == ["A"]
    (line,) = said
    assert "B_2.tif" in line


def test_without_masks_there_is_nothing_to_learn_from(tmp_path: Path) -> None:
    write_patient(tmp_path / "studies", "A", seed=1, masks=False)
    with pytest.raises(InputError, match=r"Submit masks"):
        Bench(tmp_path).train()


def test_one_patient_is_enough_to_begin_with(tmp_path: Path) -> None:
    write_patient(tmp_path / "studies", "A", seed=1)
    bench = Bench(tmp_path)
    run = bench.train(epochs=2)
    assert run.result["version"] == "trained-1"
    served = bench.weights.champion("lgg_flair")
    assert list(served.metadata["trained_on"]) == ["A"]
    assert served.metadata["held_out"] == []
    assert bench.workbench.offers("lgg_flair")
    assert not (bench.state.path / "training").exists(), "copies of patients' images are not kept"


def test_weights_that_go_on_from_others_have_seen_what_those_have(tmp_path: Path) -> None:
    write_patient(tmp_path / "studies", "A", seed=1)
    bench = Bench(tmp_path)
    bench.train(epochs=1)
    for path in (tmp_path / "studies" / "A").iterdir():
        path.unlink()
    write_patient(tmp_path / "studies", "B", seed=2)
    bench.cases.refresh()
    bench.train(epochs=1, start="served weights")
    served = bench.weights.champion("lgg_flair")
    assert set(served.metadata["trained_on"]) == {"A", "B"}
    assert served.metadata["started_from"]["version"] == "trained-1"


@pytest.mark.parametrize("name", ["unet3d", "keller_unet2d_brats20"])
def test_a_recipe_that_does_not_train_on_slices_is_refused_at_the_start(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=rf"--conf recipe: {name} has data.layout brats"):
        Bench(tmp_path, name=name)


@pytest.mark.parametrize("start", ["served weights", "continue"])
def test_there_must_be_something_to_start_from(tmp_path: Path, start: str) -> None:
    write_patient(tmp_path / "studies", "A", seed=1)
    with pytest.raises(InputError, match="Start anew"):
        Bench(tmp_path).train(start=start)
