"""The reports' augmentations: what they change, by how much, how often, and that image, target and weights stay together."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from gliolabel.errors import InputError
from gliolabel.recipes.schema import (
    AffineAugmentation,
    Augmentation,
    BatchWiseAugmentation,
    BrightnessAugmentation,
    FlipRotateAugmentation,
    NoAugmentation,
    PatchAugmentation,
)
from gliolabel.training.augmentations import Changed, augment_batch

ALL = [
    NoAugmentation(),
    FlipRotateAugmentation(),
    BrightnessAugmentation(),
    BatchWiseAugmentation(),
    AffineAugmentation(rotate_degrees=20, shear_degrees=5),
]


def batch(count: int = 8, size: int = 32) -> tuple[Tensor, Tensor, Tensor]:
    """Two channels, 0.1 and target; a rectangle off the centre as target; the target as weights."""
    targets = torch.zeros(count, size, size, dtype=torch.uint8)
    targets[:, 4:12, 5:20] = 1
    images = torch.stack([torch.full(targets.shape, 0.1), targets.float()], dim=1)
    return images, targets, targets.float()


def run(section: Augmentation, seed: int = 0, count: int = 8) -> Changed:
    return augment_batch(section, *batch(count), torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("section", ALL, ids=lambda section: section.kind)
def test_every_augmentation_is_pure_and_seeded(section: Augmentation) -> None:
    given = batch()
    copies = [tensor.clone() for tensor in given]
    one = augment_batch(section, *given, torch.Generator().manual_seed(3))
    assert all(torch.equal(tensor, copy) for tensor, copy in zip(given, copies, strict=True))
    again = run(section, 3)
    assert all(torch.equal(a, b) for a, b in zip(one, again, strict=True))
    assert (one.images.dtype, one.targets.dtype) == (torch.float32, torch.uint8)
    assert one.images.shape == given[0].shape
    without = augment_batch(section, given[0], given[1], None, torch.Generator().manual_seed(3))
    assert without.weights is None
    assert torch.equal(without.images, one.images)


@pytest.mark.parametrize("section", [ALL[1], ALL[4]], ids=lambda section: section.kind)
def test_image_target_and_weights_move_together(section: Augmentation) -> None:
    moved = run(section, count=64)
    assert moved.weights is not None
    assert ((moved.images[:, 1] > 0.5) == (moved.targets > 0)).float().mean() > 0.99
    assert torch.allclose(moved.images[:, 1], moved.weights, atol=1e-6)
    assert not torch.equal(moved.targets, batch(64)[1])


def test_flips_and_turns_are_independent_and_as_frequent_as_said() -> None:
    # A number in each corner tells which of the eight positions of a square it is in.
    corners = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).expand(8000, 1, 2, 2)
    targets = torch.zeros(8000, 2, 2, dtype=torch.uint8)

    def shares(section: FlipRotateAugmentation) -> dict[tuple[float, ...], float]:
        images = augment_batch(section, corners, targets, None, torch.Generator().manual_seed(0)).images
        found, counts = images.flatten(1).unique(dim=0, return_counts=True)
        return {tuple(row.tolist()): float(count) / 8000 for row, count in zip(found, counts, strict=True)}

    same, left_right, up_down, half = (1.0, 2.0, 3.0, 4.0), (2.0, 1.0, 4.0, 3.0), (3.0, 4.0, 1.0, 2.0), (4.0, 3.0, 2.0, 1.0)
    flips = shares(FlipRotateAugmentation(horizontal=0.25, vertical=0.5, rotate90=0))
    assert flips == pytest.approx({same: 0.375, left_right: 0.125, up_down: 0.375, half: 0.125}, abs=0.02)
    turns = shares(FlipRotateAugmentation(horizontal=0, vertical=0, rotate90=0.6))
    assert turns[same] == pytest.approx(0.4, abs=0.02)
    assert len(turns) == 4
    assert all(share == pytest.approx(0.2, abs=0.02) for position, share in turns.items() if position != same)


def test_turns_need_squares() -> None:
    images, targets, _ = batch()
    with pytest.raises(InputError, match="images of 16 x 32 pixels; expected square"):
        augment_batch(FlipRotateAugmentation(), images[..., :16, :], targets[:, :16], None, torch.Generator())
    moved = augment_batch(FlipRotateAugmentation(rotate90=0), images[..., :16, :], targets[:, :16], None, torch.Generator())
    assert moved.images.shape[-2:] == (16, 32)


def test_brightness_by_hand() -> None:
    images = torch.tensor([0.0, 0.25, 0.5, 1.0]).expand(500, 2, 4)
    changed = augment_batch(BrightnessAugmentation(), images, torch.zeros(500, 4), None, torch.Generator().manual_seed(0)).images
    alpha = changed[:, 0, 3]
    gamma = torch.log(changed[:, 0, 2] / alpha) / torch.log(torch.tensor(0.5))
    assert torch.allclose(changed[:, 1], changed[:, 0])
    assert torch.allclose(changed[:, 0, 1], alpha * 0.25**gamma, atol=1e-6)
    assert not changed[..., 0].any()
    for drawn in (alpha, gamma):
        assert 0.8 <= float(drawn.min()) < 0.81
        # Not clipped to [0, 1].
        assert 1.19 < float(drawn.max()) <= 1.2001
    assert abs(float(torch.corrcoef(torch.stack([alpha, gamma]))[0, 1])) < 0.15


def test_brightness_refuses_what_has_no_power() -> None:
    with pytest.raises(InputError, match="it holds -1; expected values of 0 or more"):
        augment_batch(BrightnessAugmentation(), -torch.ones(1, 1, 4, 4), torch.zeros(1, 4, 4), None, torch.Generator())


def test_batch_wise_does_the_same_to_all() -> None:
    changed = [run(BatchWiseAugmentation(), seed) for seed in range(40)]
    assert all(torch.equal(one.images[0], other) for one in changed for other in one.images)
    assert sum(not torch.equal(one.images, batch()[0]) for one in changed) > 20


def test_batch_wise_noise_and_flips() -> None:
    noise = BatchWiseAugmentation(flip=0, noise_share=1, noise_mean=0.05, noise_std=0.1, mask_share=0)
    images = torch.zeros(2, 4, 128, 128)
    added = augment_batch(noise, images, torch.zeros(2, 128, 128), None, torch.Generator().manual_seed(0)).images
    assert float(added.mean()) == pytest.approx(0.05, abs=1e-3)
    assert float(added.std()) == pytest.approx(0.1, abs=1e-3)
    images, targets, weights = batch()
    flipped = augment_batch(BatchWiseAugmentation(flip=1, noise_share=0, mask_share=0), images, targets, weights, torch.Generator())
    assert torch.equal(flipped.images, images.flip(-1, -2))
    assert torch.equal(flipped.targets, targets.flip(-1, -2))
    shares = [not torch.equal(run(BatchWiseAugmentation(noise_share=0, mask_share=0), s, 1).targets, batch(1)[1]) for s in range(400)]
    # Either of two flips with p = 1/4: 1 - (3/4)^2.
    assert sum(shares) / 400 == pytest.approx(0.4375, abs=0.07)


def test_batch_wise_masks_only_the_input() -> None:
    section = BatchWiseAugmentation(flip=0, noise_share=0, mask_share=1, mask_patches=(1, 1))
    images, targets = torch.ones(2, 4, 64, 64), torch.ones(2, 64, 64)
    sides = []
    for seed in range(300):
        changed = augment_batch(section, images, targets, targets, torch.Generator().manual_seed(seed))
        assert torch.equal(changed.targets, targets)
        holes = changed.images[0, 0] == 0
        assert torch.equal(holes, changed.images[1, 3] == 0)
        rows, columns = int(holes.any(dim=1).sum()), int(holes.any(dim=0).sum())
        assert int(holes.sum()) == rows * columns
        sides.append(max(rows, columns))
    # 10 to 20 % of 64 pixels, rounded down, so never more than 20 %; less where the edge cuts both sides.
    assert max(sides) == 12
    assert sorted(sides)[30] >= 6
    many = augment_batch(section.model_copy(update={"mask_patches": (6, 6)}), images, targets, None, torch.Generator().manual_seed(0))
    assert int((many.images[0, 0] == 0).sum()) > 144


def test_affine_without_amounts_is_the_identity_and_only_flips() -> None:
    still = {"rotate_degrees": 0, "shift": 0, "zoom": 0}
    images, targets, weights = batch()
    same = augment_batch(AffineAugmentation(**still, horizontal=0), images, targets, weights, torch.Generator())
    assert torch.allclose(same.images, images, atol=1e-5)
    assert torch.equal(same.targets, targets)
    flipped = augment_batch(AffineAugmentation(**still, horizontal=1), images, targets, weights, torch.Generator())
    assert torch.equal(flipped.targets, targets.flip(-1))


def test_affine_amounts_by_the_moments_of_a_bar() -> None:
    """A long bar through the centre: its angle, its centre and its area tell what was done."""
    size, count = 128, 200
    bar = torch.zeros(count, 1, size, size)
    bar[:, :, 60:68, 34:94] = 1
    targets = bar[:, 0].to(torch.uint8)
    ys, xs = torch.meshgrid(torch.arange(size) - 63.5, torch.arange(size) - 63.5, indexing="ij")

    def moments(section: AffineAugmentation) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        weight = augment_batch(section, bar, targets, None, torch.Generator().manual_seed(0)).images[:, 0]
        total = weight.sum((1, 2))
        x, y = (weight * xs).sum((1, 2)) / total, (weight * ys).sum((1, 2)) / total
        dx, dy = xs - x[:, None, None], ys - y[:, None, None]
        angle = 0.5 * torch.atan2(2 * (weight * dx * dy).sum((1, 2)), (weight * (dx**2 - dy**2)).sum((1, 2)))
        return x, y, angle.rad2deg(), total / total.new_tensor(8 * 60)

    x, y, angle, area = moments(AffineAugmentation(rotate_degrees=10, shift=0, zoom=0, horizontal=0))
    assert 9.5 < float(angle.abs().max()) < 10.1
    assert float(torch.cat([x, y]).abs().max()) < 0.1
    x, y, angle, area = moments(AffineAugmentation(rotate_degrees=0, shift=0.05, zoom=0, horizontal=0))
    assert float(angle.abs().max()) < 0.1
    for shift in (x, y):
        assert 6.1 < float(shift.abs().max()) <= 6.4 + 1e-3
    x, y, angle, area = moments(AffineAugmentation(rotate_degrees=0, shift=0, zoom=0.05, horizontal=0))
    assert 1 / 1.05**2 - 0.01 < float(area.min()) < 0.94
    assert 1.07 < float(area.max()) < 1 / 0.95**2 + 0.01


def test_affine_takes_the_outside_from_the_nearest_edge() -> None:
    images = torch.full((16, 1, 20, 20), 7.0)
    moved = augment_batch(AffineAugmentation(shift=0.3), images, torch.zeros(16, 20, 20), None, torch.Generator().manual_seed(0))
    assert torch.allclose(moved.images, images)


def test_what_is_not_for_whole_samples_is_refused() -> None:
    with pytest.raises(InputError, match=r"kind patches is for sampling\.kind patches"):
        run(PatchAugmentation())
    with pytest.raises(InputError, match="for 2-D samples"):
        augment_batch(AffineAugmentation(), torch.zeros(1, 1, 4, 4, 4), torch.zeros(1, 4, 4, 4), None, torch.Generator())
