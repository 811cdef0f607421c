"""Any orientation in, the same grid out; and what the network reads does not depend on how the file was stored."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from gliolabel.errors import InputError
from gliolabel.preprocessing import prepare
from gliolabel.preprocessing.brain import background_value, brain_mask, normalise
from gliolabel.preprocessing.orientation import turn_to_lps
from gliolabel.studies import CaseImages, Grid

ORIENTATIONS = ["".join(o) for p in permutations(("LR", "PA", "SI")) for o in product(*p)]


def brain_image(size: tuple[int, int, int] = (30, 36, 24), spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> sitk.Image:
    """A lopsided blob in LPS, float, background 0."""
    z, y, x = np.mgrid[: size[2], : size[1], : size[0]]
    inside = ((x - 13) / 11) ** 2 + ((y - 20) / 13) ** 2 + ((z - 11) / 9) ** 2 < 1
    array = np.where(inside, 100 + 3 * x + 2 * y - z, 0).astype(np.float32)
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing)
    image.SetOrigin((-3.0, 8.0, 11.0))
    return image


def images_of(image: sitk.Image, **more: sitk.Image) -> CaseImages:
    arrays = {"t1ce": sitk.GetArrayFromImage(image), **{name: sitk.GetArrayFromImage(other) for name, other in more.items()}}
    return CaseImages(case_id="c", reference="t1ce", grid=Grid.of(image), arrays=arrays)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_what_the_network_reads_is_the_same_for_every_orientation(orientation: str) -> None:
    straight = prepare(images_of(brain_image()))
    turned = prepare(images_of(sitk.DICOMOrient(brain_image(), orientation)))
    assert (straight.image == turned.image).all()


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_restore_undoes_prepare(orientation: str) -> None:
    images = images_of(sitk.DICOMOrient(brain_image(), orientation))
    prepared = prepare(images)
    back = prepared.restore(prepared.image[1].numpy())
    assert back.shape == images.grid.shape
    brain = images.arrays["t1ce"] != 0
    assert np.array_equal(back, normalise(images.arrays["t1ce"], brain))


@settings(max_examples=15)
@given(
    degrees=st.tuples(*[st.integers(-180, 180)] * 3),
    spacing=st.tuples(*[st.sampled_from([0.6, 0.9, 1.0, 1.3, 2.0, 3.0])] * 3),
    origin=st.tuples(*[st.integers(-200, 200)] * 3),
)
def test_any_geometry_comes_back_on_its_own_grid(
    degrees: tuple[int, int, int], spacing: tuple[float, float, float], origin: tuple[int, int, int]
) -> None:
    image = brain_image(spacing=spacing)
    image.SetOrigin([float(o) for o in origin])
    image.SetDirection(np.asarray(sitk.Euler3DTransform((0, 0, 0), *np.radians(degrees)).GetMatrix()).tolist())
    prepared = prepare(images_of(image))
    restored = prepared.restore(prepared.brain.numpy().astype(np.float32)) > 0.5
    truth = sitk.GetArrayFromImage(image) != 0
    assert restored.shape == truth.shape
    overlap = 2 * (restored & truth).sum() / (restored.sum() + truth.sum())
    assert overlap > 0.85


def test_a_mask_drawn_on_one_side_comes_back_on_that_side() -> None:
    image = brain_image(spacing=(1.0, 1.0, 3.0))
    prepared = prepare(images_of(image))
    label = np.zeros(images_of(image).grid.shape, dtype=np.uint8)
    label[10:14, 18:24, 16:20] = 3
    back = prepared.restore((prepared.follow(label) == 3).astype(np.float32)) > 0.5
    assert 2 * (back & (label == 3)).sum() / (back.sum() + (label == 3).sum()) > 0.9


def test_missing_sequences_are_zero_channels() -> None:
    prepared = prepare(images_of(brain_image()))
    assert prepared.present == ("t1ce",)
    assert prepared.image[1].any()
    assert not prepared.image[[0, 2, 3]].any()


def test_normalisation_ignores_one_burnt_voxel() -> None:
    volume = sitk.GetArrayFromImage(brain_image())
    brain = brain_mask([volume])
    burnt = volume.copy()
    burnt[11, 20, 13] = 32767
    clean, spoiled = normalise(volume, brain), normalise(burnt, brain)
    elsewhere = brain & (burnt == volume)
    assert np.abs(clean - spoiled)[elsewhere].max() < 0.02


def test_a_background_that_is_not_zero_is_found() -> None:
    volume = sitk.GetArrayFromImage(brain_image()) - 1000
    assert background_value(volume) == -1000
    assert brain_mask([volume]).sum() == (volume != -1000).sum()


def test_no_brain_is_an_error_that_names_the_case() -> None:
    empty = sitk.GetImageFromArray(np.zeros((20, 20, 20), dtype=np.float32))
    with pytest.raises(InputError, match="case c: no brain found"):
        prepare(images_of(empty))


def test_a_volume_turned_by_45_degrees_uses_each_axis_once() -> None:
    turn = turn_to_lps(np.asarray(sitk.Euler3DTransform((0, 0, 0), 0, 0, np.pi / 4).GetMatrix()).tolist())
    assert sorted(turn.order) == [0, 1, 2]
