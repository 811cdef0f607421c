"""The reports' preprocessing: values by hand, against MONAI and SciPy, and back to the original grid."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.transforms import NormalizeIntensity, Resize, ScaleIntensity, SpatialCrop
from scipy import ndimage

from gliolabel.errors import InputError
from gliolabel.preprocessing.steps import prepare_slices, prepare_volume
from gliolabel.preprocessing.steps.divide import divide, divide_by_max
from gliolabel.preprocessing.steps.min_max import min_max
from gliolabel.preprocessing.steps.pad import pad
from gliolabel.preprocessing.steps.resize import resize, resize_target
from gliolabel.preprocessing.steps.z_score import z_score
from gliolabel.preprocessing.steps.zoom import zoom, zoom_target
from gliolabel.recipes import load_recipe
from gliolabel.recipes.schema import (
    BrainStep,
    CropBrainStep,
    CropStep,
    DivideByMaxStep,
    DivideStep,
    MinMaxStep,
    PadStep,
    ResizeStep,
    ZoomStep,
    ZScoreStep,
)

CLOSE = 1e-6


def stack(*planes: object) -> np.ndarray:
    """One channel, from planes."""
    return np.array([planes], dtype=np.float32)


def test_min_max_by_hand() -> None:
    image = stack([[2, 4], [6, 10]], [[5, 5], [5, 5]])
    volume = [[[[0, 0.25], [0.5, 1]], [[0.375, 0.375], [0.375, 0.375]]]]
    np.testing.assert_allclose(min_max(image, per="volume"), volume, atol=CLOSE)
    # A constant slice becomes 0, not NaN.
    np.testing.assert_allclose(min_max(image, per="slice"), [[[[0, 0.25], [0.5, 1]], [[0, 0], [0, 0]]]], atol=CLOSE)


def test_min_max_of_a_volume_is_monais(rng: np.random.Generator) -> None:
    image = rng.normal(100, 30, (3, 5, 8, 8)).astype(np.float32)
    np.testing.assert_allclose(min_max(image), ScaleIntensity(channel_wise=True)(image), atol=CLOSE)


def test_divide_by_max_by_hand() -> None:
    image = np.array([[[[1, 4]], [[0, 0]]], [[[2, 8]], [[-3, -1]]]], dtype=np.float32)
    np.testing.assert_allclose(divide_by_max(image), [[[[0.25, 1]], [[0, 0]]], [[[0.25, 1]], [[-3, -1]]]], atol=CLOSE)
    np.testing.assert_allclose(divide_by_max(image, per="volume")[1], [[[0.25, 1]], [[-0.375, -0.125]]], atol=CLOSE)
    np.testing.assert_allclose(divide_by_max(image, per="volume", channels_together=True)[0], [[[0.125, 0.5]], [[0, 0]]], atol=CLOSE)
    np.testing.assert_allclose(divide(image, by=4.0)[0, 0], [[0.25, 1]], atol=CLOSE)


def test_z_score_by_hand_and_as_monai(rng: np.random.Generator) -> None:
    image = stack([[1, 3]], [[7, 7]])
    np.testing.assert_allclose(z_score(image, per="slice"), [[[[-1, 1]], [[0, 0]]]], atol=CLOSE)
    # mean 4.5, population variance (12.25 + 2.25 + 6.25 + 6.25) / 4 = 6.75
    np.testing.assert_allclose(z_score(image, per="volume")[0, 0], [[-3.5 / 6.75**0.5, -1.5 / 6.75**0.5]], atol=CLOSE)
    image = rng.normal(50, 9, (3, 1, 16, 16)).astype(np.float32)
    np.testing.assert_allclose(z_score(image, per="slice"), NormalizeIntensity(channel_wise=True)(image), atol=1e-5)
    # 0.1 has no exact mean: without the guard this would be noise of +-1.
    assert not z_score(np.full((1, 1, 3, 7), 0.1, dtype=np.float32), per="slice").any()


def test_crop_of_report_001_is_half_open_and_central() -> None:
    image = np.zeros((1, 155, 240, 240), dtype=np.float32)
    image[0, 13, 56, 56], image[0, 140, 183, 183] = 1, 2
    image[0, 12], image[0, 141], image[0, :, 55], image[0, :, 184], image[0, :, :, 55], image[0, :, :, 184] = 9, 9, 9, 9, 9, 9
    step = CropStep(x=(56, 184), y=(56, 184), z=(13, 141))
    prepared = prepare_volume([step], image, image[0].astype(np.uint8))
    assert prepared.image.shape == (1, 128, 128, 128)
    assert prepared.image.sum() == 3
    assert prepared.image[0, 0, 0, 0] == 1
    assert prepared.image[0, -1, -1, -1] == 2
    np.testing.assert_array_equal(prepared.target, prepared.image[0])
    np.testing.assert_array_equal(prepared.image, SpatialCrop(roi_start=(13, 56, 56), roi_end=(141, 184, 184))(image))


def test_crop_leaves_other_axes_whole_and_refuses_what_is_not_there() -> None:
    image = np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4)
    np.testing.assert_array_equal(prepare_volume([CropStep(x=(1, 3))], image).image, image[..., 1:3])
    with pytest.raises(InputError, match=r"crop: y = \[0, 4\], but the image has 3 voxels along y"):
        prepare_volume([CropStep(y=(0, 4))], image)


def test_pad_by_hand() -> None:
    assert pad(np.array([[1, 2, 3]]), size=(2, 4)).tolist() == [[1, 2, 3, 0], [0, 0, 0, 0]]
    assert pad(np.ones((2, 240, 240)), size=(256, 256))[:, 8:248, 8:248].all()
    np.testing.assert_array_equal(pad(np.ones((3, 3)), size=(2, 2)), np.ones((3, 3)))


def test_resize_by_hand_and_as_monai(rng: np.random.Generator) -> None:
    np.testing.assert_allclose(resize(stack([[1, 3, 5, 7], [1, 3, 5, 7]]), size=(1, 2)), [[[[2, 6]]]], atol=CLOSE)
    image = rng.normal(size=(2, 1, 24, 24)).astype(np.float32)
    np.testing.assert_allclose(resize(image, size=(13, 17))[:, 0], Resize((13, 17), mode="bilinear")(image[:, 0]), atol=CLOSE)
    near = Resize((13, 17), mode="nearest-exact")(image[:, 0])
    np.testing.assert_allclose(resize(image, size=(13, 17), mode="nearest")[:, 0], near, atol=CLOSE)
    target = rng.integers(0, 4, (3, 24, 24)).astype(np.uint8)
    assert set(np.unique(resize_target(target, size=(10, 10)))) <= {0, 1, 2, 3}


def test_zoom_is_scipys(rng: np.random.Generator) -> None:
    image = rng.random((2, 3, 32, 32)).astype(np.float32)
    zoomed = zoom(image, factor=0.25, order=3)
    assert zoomed.shape == (2, 3, 8, 8)
    np.testing.assert_allclose(zoomed[1, 2], ndimage.zoom(image[1, 2], 0.25), atol=CLOSE)
    mask = (image[0] > 0.5).astype(np.uint8)
    np.testing.assert_array_equal(zoom_target(mask, factor=0.25)[1], ndimage.zoom(mask[1].astype(float), 0.25) > 0.5)
    classes = np.zeros((1, 8, 8), dtype=np.uint8)
    classes[:, :, 4:] = 3
    # Order 1 between 0 and 3 would make classes 1 and 2.
    assert set(np.unique(zoom_target(classes, factor=2.0, order=1))) == {0, 3}


@pytest.mark.parametrize(
    "steps",
    [
        [CropStep(x=(2, 14), y=(4, 16))],
        [PadStep(size=(20, 24))],
        [ResizeStep(size=(32, 32))],
        [ZoomStep(factor=2.0)],
        [CropStep(x=(2, 14), y=(4, 16)), PadStep(size=(16, 16)), ResizeStep(size=(32, 32)), DivideStep()],
        [CropBrainStep(), ResizeStep(size=(32, 32)), ZScoreStep()],
    ],
    ids=lambda steps: "-".join(step.kind for step in steps),
)
def test_a_mask_comes_back_to_where_it_was(steps: list) -> None:
    image = np.zeros((2, 3, 16, 16), dtype=np.float32)
    # Other in every slice, so that crop_brain has a box of its own for each.
    for index in range(3):
        image[:, index, 5 + index : 12, 4 : 11 - index] = 1
    target = image[0].astype(np.uint8)
    slices = prepare_slices(steps, image, target)
    back = slices.restore(slices.targets[:, None].float())
    assert back.shape == (1, 3, 16, 16)
    np.testing.assert_array_equal(back[0] > 0.5, target > 0)
    volume = prepare_volume(steps, image, target)
    np.testing.assert_array_equal(volume.restore(volume.target[None].float())[0] > 0.5, target > 0)


def test_outside_a_crop_is_background() -> None:
    prepared = prepare_volume([CropStep(x=(1, 3), y=(1, 3), z=(0, 1))], np.ones((1, 2, 4, 4), dtype=np.float32))
    back = prepared.restore(torch.full((4, 1, 2, 2), 0.25))
    np.testing.assert_allclose(back.sum(0), np.ones((2, 4, 4)), atol=CLOSE)
    assert back[:, 1, 0, 0].tolist() == [1, 0, 0, 0]
    assert back[:, 0, 1, 1].tolist() == [0.25] * 4
    assert prepared.restore(torch.ones(1, 1, 2, 2)).sum() == 4


def test_per_volume_means_all_slices_and_a_sample_is_a_slice() -> None:
    image = stack([[0, 2]], [[0, 8]])
    slices = prepare_slices([DivideByMaxStep(per="volume")], image).images
    np.testing.assert_allclose(slices[:, 0], [[[0, 0.25]], [[0, 1]]], atol=CLOSE)
    np.testing.assert_allclose(prepare_slices([ZScoreStep()], image).images[:, 0], [[[-1, 1]], [[-1, 1]]], atol=CLOSE)
    assert float(prepare_volume([ZScoreStep()], image).image.max()) > 1.5


def test_steps_that_do_not_go_together_are_refused() -> None:
    image = np.zeros((1, 2, 8, 8), dtype=np.float32)
    image[0, 0, 2:5, 2:5], image[0, 1, 1:7, 1:7] = 1, 1
    with pytest.raises(InputError, match=r"data\.slices: \[0, 1\]"):
        prepare_slices([CropStep(z=(0, 1))], image)
    with pytest.raises(InputError, match="add a resize step after it"):
        prepare_slices([CropBrainStep()], image)
    with pytest.raises(InputError, match="put it before crop_brain"):
        prepare_slices([CropBrainStep(), MinMaxStep(per="volume")], image)
    with pytest.raises(InputError, match="step brain: can only be the first"):
        prepare_volume([DivideStep(), BrainStep()], image)


@pytest.mark.parametrize("name", ["patsatzi2023_unet2d_lgg", "keller_unet2d_brats20", "jonsson2023_resunet2d_brats19", "lgg_encoders"])
def test_slices_of_a_report_have_its_size_and_come_back(name: str, rng: np.random.Generator) -> None:
    recipe = load_recipe(name)
    size = (240, 240) if recipe.data.layout == "brats" else (256, 256)
    image = rng.random((len(recipe.data.channels), 2, *size)).astype(np.float32)
    before = image.copy()
    target = np.zeros((2, *size), dtype=np.uint8)
    target[:, 60:140, 90:150] = 1
    prepared = prepare_slices(recipe.preprocessing, image, target)
    assert prepared.images.shape == (2, len(recipe.data.channels), *recipe.sampling.patch)
    assert prepared.images.dtype == torch.float32
    np.testing.assert_array_equal(image, before)
    back = prepared.restore(prepared.targets[:, None].float())[0].numpy() > 0.5
    assert back.shape == target.shape
    # Edges fall between pixels of the smaller grid (up to 4 pixels here), but nothing may be shifted.
    assert 2 * (back & (target > 0)).sum() / (back.sum() + target.sum()) > 0.95
    np.testing.assert_allclose(np.argwhere(back).mean(axis=0), np.argwhere(target).mean(axis=0), atol=1.0)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
