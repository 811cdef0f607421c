"""Tumours that are shown as if they did not enhance."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from gliolabel.recipes import load_recipe
from gliolabel.studies import open_studies
from gliolabel.training.cases import load_training_cases
from gliolabel.training.patches import draw_batch
from gliolabel.training.unenhanced import without_enhancement
from gliolabel.vocabulary import LABELS, REGIONS, SEQUENCES

T1, T1CE = SEQUENCES.index("t1"), SEQUENCES.index("t1ce")


@pytest.fixture(params=[2, 3])
def patch(request: pytest.FixtureRequest) -> tuple[torch.Tensor, torch.Tensor]:
    """An image of noise, and a label of three boxes, one within the other."""
    size = (40,) * request.param
    image = torch.randn(4, *size, generator=torch.Generator().manual_seed(0))
    label = torch.zeros(size, dtype=torch.uint8)
    for margin, name in ((8, "edema"), (13, "enhancing tumor"), (16, "necrosis")):
        label[(slice(margin, -margin),) * request.param] = LABELS[name]
    return image, label


def test_the_tumour_loses_its_enhancement_alone(patch: tuple[torch.Tensor, torch.Tensor]) -> None:
    image, label = patch
    changed, relabelled = without_enhancement(image, label)
    inner, outer = (slice(11, -11),) * label.ndim, (slice(0, 5),) * label.ndim
    assert torch.equal(changed[T1CE][inner], image[T1][inner])
    assert torch.equal(changed[T1CE][outer], image[T1CE][outer])
    others = [i for i in range(4) if i != T1CE]
    assert torch.equal(changed[others], image[others])
    assert not (relabelled == LABELS["enhancing tumor"]).any()
    for region in ("WT", "TC"):
        values = torch.tensor(REGIONS[region])
        assert torch.equal(torch.isin(relabelled, values), torch.isin(label, values))


def test_what_was_given_stays_as_it_was(patch: tuple[torch.Tensor, torch.Tensor]) -> None:
    image, label = patch
    before = image.clone(), label.clone()
    without_enhancement(image, label)
    assert torch.equal(image, before[0])
    assert torch.equal(label, before[1])


@pytest.mark.parametrize("missing", [T1, T1CE])
def test_without_both_t1_sequences_nothing_changes(patch: tuple[torch.Tensor, torch.Tensor], missing: int) -> None:
    image, label = patch
    image[missing] = 0
    changed, relabelled = without_enhancement(image, label)
    assert torch.equal(changed, image)
    assert torch.equal(relabelled, label)


def test_patches_are_changed_as_often_as_the_recipe_says(phantom_folder: Path) -> None:
    cases = load_training_cases(list(open_studies(phantom_folder))[:2])
    for name in ("unet3d", "resunet2d"):
        for share, enhancing in ((0.0, True), (1.0, False)):
            recipe = load_recipe(name, ["sampling.batch_size=4", "sampling.tumour_share=1.0", f"augmentation.unenhanced_share={share}"])
            _, labels, _ = draw_batch(
                cases, sampling=recipe.sampling, augmentation=recipe.augmentation, generator=torch.Generator().manual_seed(0)
            )
            assert bool((labels == LABELS["enhancing tumor"]).any()) == enhancing
            assert labels.any()
