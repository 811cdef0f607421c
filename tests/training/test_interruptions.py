"""Whatever stops a training, the last good checkpoint is kept, and going on from it ends as the run that nothing stopped."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from gliolabel.errors import GlioLabelError, InputError, UnavailableError
from gliolabel.inference.precision import Precision
from gliolabel.recipes import Recipe, load_recipe
from gliolabel.training import checkpoint, engine
from gliolabel.training.ahead import Ahead
from gliolabel.training.batches import Batch, WholeSource
from gliolabel.training.engine import Progress, Training

STEPS = 12


class KilledError(BaseException):
    """Ends a run where a killed process would."""


@pytest.fixture
def recipe(slice_recipe: Recipe) -> Recipe:
    """Everything that has a state: dropout, batch norm, augmentation, a plateau, early stopping, the best epoch."""
    changes = ["network.dropout=[0.2]", "schedule.kind=plateau", "schedule.patience=1", "stopping={patience: 4}", "keep=best_score"]
    changed = load_recipe("patsatzi2023_unet2d_lgg", changes)
    update = {name: getattr(changed, name) for name in ("schedule", "stopping", "keep")}
    network = slice_recipe.network.model_copy(update={"dropout": (0.2,)})
    return slice_recipe.model_copy(update={**update, "network": network, "augmentation": changed.augmentation})


@pytest.fixture
def run(recipe: Recipe, make_samples: Any) -> Any:
    """``run(folder)`` -> a training of twelve steps in four epochs, with a validation."""
    train, validation = make_samples({"a": [12]}, recipe=recipe), make_samples({"b": [5]}, recipe=recipe)

    def make(folder: Path, **options: Any) -> Training:
        source = WholeSource(train, sampling=recipe.sampling, augmentation=recipe.augmentation, seed=recipe.seed)
        return Training(recipe, source, folder=folder, validation=validation, steps=STEPS, class_weights=(0.6, 4.0), **options)

    return make


@pytest.fixture
def straight(run: Any, tmp_path: Path) -> tuple[dict[str, Tensor], Training]:
    training = run(tmp_path / "straight")
    return training.run(), training


def _equal(training: Training, weights: dict[str, Tensor], expected: tuple[dict[str, Tensor], Training]) -> None:
    assert training.history == expected[1].history
    assert training.losses == expected[1].losses
    for name, tensor in expected[0].items():
        assert torch.equal(weights[name], tensor), name


@pytest.mark.parametrize("step", [1, 2, 3, 4, 5, 6, 8, 9, 11])
def test_killed_after_any_step(run: Any, straight: Any, tmp_path: Path, step: int) -> None:
    def kill(progress: Progress) -> None:
        if progress.step == step:
            raise KilledError

    with pytest.raises(KilledError):
        run(tmp_path / "killed").run(kill)
    resumed = run(tmp_path / "killed")
    assert resumed.step == step // 3 * 3
    _equal(resumed, resumed.run(), straight)


@pytest.mark.parametrize("moment", ["fsync", "replace"])
@pytest.mark.parametrize("number", [1, 2, 4])
def test_killed_while_a_checkpoint_is_written(
    run: Any, straight: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str, number: int
) -> None:
    original, calls = getattr(os, moment), []

    def killed(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == number:
            raise KilledError
        return original(*arguments)

    monkeypatch.setattr(checkpoint.os, moment, killed)
    with pytest.raises(KilledError):
        run(tmp_path / "killed").run()
    monkeypatch.setattr(checkpoint.os, moment, original)
    resumed = run(tmp_path / "killed")
    assert resumed.step == 3 * (number - 1)
    _equal(resumed, resumed.run(), straight)


def test_a_finished_run_can_be_asked_again(run: Any, straight: Any, tmp_path: Path) -> None:
    again = run(tmp_path / "straight")
    _equal(again, again.run(), straight)


def test_a_full_disk_is_said_and_the_last_checkpoint_kept(run: Any, straight: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, saves = tmp_path / "full", []
    save = torch.save

    def full(state: Any, file: Any) -> None:
        saves.append(1)
        if len(saves) == 3:
            file.write(b"half a checkpoint")
            raise OSError(errno.ENOSPC, "No space left on device")
        save(state, file)

    monkeypatch.setattr(checkpoint.torch, "save", full)
    with pytest.raises(UnavailableError, match=r"the disk is full.*--resume"):
        run(folder).run()
    assert [path.name for path in folder.iterdir()] == ["checkpoint.pt"]
    resumed = run(folder)
    assert resumed.step == 6
    _equal(resumed, resumed.run(), straight)


def test_a_checkpoint_that_is_none_is_refused(run: Any, tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(InputError, match=r"checkpoint\.pt"):
        run(tmp_path)


def test_a_corrupt_case_is_named_with_how_to_go_on(run: Any, straight: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training = run(tmp_path / "corrupt")
    draw = WholeSource.batch

    def corrupt(self: WholeSource, step: int) -> Batch:
        if step == 7:
            raise InputError("case a-0: a-0_flair.nii.gz cannot be read.")
        return draw(self, step)

    monkeypatch.setattr(WholeSource, "batch", corrupt)
    with pytest.raises(InputError, match=r"a-0_flair\.nii\.gz.*stopped at step 7.*checkpoint\.pt.*--resume"):
        training.run()
    monkeypatch.setattr(WholeSource, "batch", draw)
    resumed = run(tmp_path / "corrupt")
    assert resumed.step == 6
    _equal(resumed, resumed.run(), straight)


def test_a_batch_that_is_not_finite_is_left_out_altogether(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights, the optimiser's memory and the running statistics of batch norms stay as they were."""
    training = run(tmp_path / "nan")
    training.steps = 3
    training.run()
    before = {name: tensor.clone() for name, tensor in training.network.state_dict().items()}
    draw = WholeSource.batch

    def broken(self: WholeSource, step: int) -> Batch:
        batch = draw(self, step)
        return Batch(images=batch.images * float("nan"), targets=batch.targets, weights=None, names=batch.names)

    monkeypatch.setattr(WholeSource, "batch", broken)
    training.steps = 5
    training.run()
    for name, tensor in training.network.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_many_such_batches_stop_the_training_and_name_their_cases(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training = run(tmp_path / "nan")
    training.steps = 3
    training.run()
    training.steps = 100
    kept = training.checkpoint_path.read_bytes()
    training._checkpoint_every = 1000
    draw = WholeSource.batch

    def broken(self: WholeSource, step: int) -> Batch:
        batch = draw(self, step)
        return Batch(images=batch.images + float("inf"), targets=batch.targets, weights=None, names=batch.names)

    monkeypatch.setattr(WholeSource, "batch", broken)
    monkeypatch.setattr(training, "_end_epoch", lambda: None)
    with pytest.raises(GlioLabelError, match=r"not finite for 20 batches.*cases a-0"):
        training.run()
    assert training.checkpoint_path.read_bytes() == kept


def test_float16_scales_its_gradients(run: Any, straight: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "best_precision", lambda device: Precision(device, torch.float16))
    training = run(tmp_path / "half")
    training.run()
    assert training._scaler.get_scale() > 1
    assert training.losses == pytest.approx(straight[1].losses, rel=0.01)
    assert training.losses != straight[1].losses
    assert run(tmp_path / "half")._scaler.get_scale() == training._scaler.get_scale()


def test_batches_drawn_ahead_are_the_same(recipe: Recipe, make_samples: Any) -> None:
    source = WholeSource(make_samples({"a": [12]}), sampling=recipe.sampling, augmentation=recipe.augmentation, seed=0)
    ahead = Ahead(source, pinned=False)
    assert (ahead.steps_per_epoch, ahead.identity) == (source.steps_per_epoch, source.identity)
    for step in (0, 1, 2, 7, 8, 3):
        assert torch.equal(ahead.batch(step).images, source.batch(step).images)
        assert torch.equal(ahead.batch(step).targets, source.batch(step).targets)


def test_what_goes_wrong_ahead_is_raised_when_its_turn_comes() -> None:
    class Broken:
        steps_per_epoch = 3
        identity: dict[str, Any] = {}  # noqa: RUF012

        def batch(self, step: int) -> Batch:
            if step == 2:
                raise InputError("case x: broken")
            return Batch(images=torch.zeros(1), targets=torch.zeros(1), weights=None, names=("x",))

    ahead = Ahead(Broken(), pinned=False)
    assert [ahead.batch(step).names for step in (0, 1)] == [("x",), ("x",)]
    with pytest.raises(InputError, match="case x"):
        ahead.batch(2)
    assert ahead.batch(3).names == ("x",)
