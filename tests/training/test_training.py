"""The training loop learns, and a run that was interrupted ends where the uninterrupted one does."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import torch

from gliolabel.errors import GlioLabelError, InputError
from gliolabel.recipes import Recipe, load_recipe
from gliolabel.recipes.schema import PatchAugmentation
from gliolabel.studies import open_studies
from gliolabel.training.augmentation import augment
from gliolabel.training.batches import PatchSource
from gliolabel.training.cache import Cache
from gliolabel.training.cases import TrainingCase, load_training_cases
from gliolabel.training.data import patch_data
from gliolabel.training.engine import Training
from gliolabel.training.folds import make_folds
from gliolabel.training.patches import draw_batch
from gliolabel.training.schedules import learning_rate_share

SMALL = [
    "network.channels=[4, 8]",
    "network.dropout=[0.1]",
    "sampling.patch=[16, 16, 16]",
    "sampling.batch_size=2",
    "optimiser.learning_rate=0.01",
    "augmentation.missing_share=0.1",
]


def training(recipe: Recipe, cases: list[TrainingCase], **options: Any) -> Training:
    source = PatchSource(cases, sampling=recipe.sampling, augmentation=recipe.augmentation, seed=recipe.seed)  # type: ignore[arg-type]
    return Training(recipe, source, **options)


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return load_recipe("unet3d", SMALL)


@pytest.fixture(scope="module")
def cases(phantom_folder: Path) -> list[TrainingCase]:
    return load_training_cases(list(open_studies(phantom_folder))[:2])


def test_resumed_equals_uninterrupted_bit_for_bit(recipe: Recipe, cases: list[TrainingCase], tmp_path: Path) -> None:
    straight = training(recipe, cases, folder=tmp_path / "a", steps=12, checkpoint_every=4).run()

    class KilledError(Exception):
        pass

    def kill(progress: object) -> None:
        if broken.step == 7:
            raise KilledError

    broken = training(recipe, cases, folder=tmp_path / "b", steps=12, checkpoint_every=4)
    with pytest.raises(KilledError):
        broken.run(kill)
    resumed = training(recipe, cases, folder=tmp_path / "b", steps=12, checkpoint_every=4)
    assert resumed.step == 4
    for name, tensor in resumed.run().items():
        assert torch.equal(tensor, straight[name]), name


def test_the_loss_falls(recipe: Recipe, cases: list[TrainingCase], tmp_path: Path) -> None:
    larger = load_recipe("unet3d", [*SMALL, "sampling.patch=[32, 32, 32]", "network.channels=[8, 16, 32]", "optimiser.mean_decay=0.9"])
    run = training(larger, cases[:1], folder=tmp_path, steps=80)
    run.run()
    assert sum(run.losses[-20:]) < 0.8 * sum(run.losses[:20])


def test_a_checkpoint_of_another_training_is_refused(recipe: Recipe, cases: list[TrainingCase], tmp_path: Path) -> None:
    training(recipe, cases, folder=tmp_path, steps=2, checkpoint_every=1).run()
    with pytest.raises(InputError, match="belongs to another training"):
        training(recipe, cases[:1], folder=tmp_path, steps=2)


def test_a_diverging_loss_stops_with_the_last_good_checkpoint(
    recipe: Recipe, cases: list[TrainingCase], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = training(recipe, cases, folder=tmp_path, steps=100, checkpoint_every=1)
    run.steps = 3
    run.run()
    run.steps = 100
    monkeypatch.setattr("gliolabel.training.batches.augment", lambda images, **_: images * float("nan"))
    with pytest.raises(GlioLabelError, match="not finite for 20 batches"):
        run.run()
    assert all(bool(torch.isfinite(t).all()) for t in run.network.state_dict().values() if t.is_floating_point())


def test_no_cases_is_refused(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no case with a label"):
        patch_data(recipe, [], held_out=[], cache=Cache(tmp_path))


def test_patches_keep_image_and_label_together(recipe: Recipe, cases: list[TrainingCase]) -> None:
    case = cases[0]
    # An image that is its own label: wherever a patch is cut, turned and flipped, they must still agree.
    marked = TrainingCase(
        prepared=type(case.prepared)(**{**vars(case.prepared), "image": case.label[None].float().repeat(4, 1, 1, 1)}),
        label=case.label,
        tumour=case.tumour,
        inside=case.inside,
        image_sha256={},
    )
    generator = torch.Generator().manual_seed(0)
    augmentation = PatchAugmentation()  # neither coarse, where borders differ, nor unenhanced, which changes the label on purpose
    for sampling in (recipe.sampling, load_recipe("resunet2d").sampling):
        sampling = sampling.model_copy(update={"tumour_share": 0.75})
        images, labels, names = draw_batch([marked], sampling=sampling, augmentation=augmentation, generator=generator)
        assert labels.any()
        assert names == (marked.id,) * len(images)
        agree = (images[:, 0].round() == labels).float().mean()
        assert agree > 0.97


def test_augmentation_keeps_air_and_at_least_one_sequence(recipe: Recipe) -> None:
    settings = recipe.augmentation.model_copy(update={"missing_share": 1.0})
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(16, 4, 8, 8, generator=generator)
    images[..., :3] = 0
    changed = augment(images, settings=settings, generator=generator)
    assert not changed[..., :3].any()
    kept = changed.flatten(2).any(dim=2).sum(dim=1)
    assert kept.min() >= 1
    assert kept.max() <= 3


@pytest.mark.parametrize(("step", "share"), [(0, 0.1), (9, 1.0), (10, 1.0), (55, 0.5), (100, 0.0)])
def test_learning_rate_by_hand(step: int, share: float) -> None:
    assert learning_rate_share(step, steps=100, warmup_share=0.1) == pytest.approx(share)


def test_folds_hold_every_patient_once_and_spread_cohorts() -> None:
    patients = [f"A_{i}" for i in range(10)] + [f"B_{i}" for i in range(10)]
    folds = make_folds(patients)
    assert sorted(chain.from_iterable(folds)) == sorted(patients)
    assert make_folds(patients[::-1]) == folds
    assert all(sum(p.startswith("A") for p in fold) == 2 for fold in folds)
    with pytest.raises(ValueError, match="3 patients cannot be divided"):
        make_folds(["A_1", "A_2", "A_3"])
