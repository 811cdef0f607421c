"""Maps and scores against hand-computed values, and the running versions against the plain ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gliolabel.uncertainty import entropy_map, mutual_information_map, pairwise_dice, std_map, volume_variation
from gliolabel.uncertainty.maps import expected_error_map
from gliolabel.uncertainty.running import RunningMaps
from gliolabel.uncertainty.scores import band_mean


@pytest.fixture
def samples() -> np.ndarray:
    return np.random.default_rng(0).beta(0.3, 0.3, size=(7, 3, 6, 5, 4)).astype(np.float32)


def test_two_opposite_passes() -> None:
    samples = np.array([0.0, 1.0]).reshape(2, 1, 1, 1, 1)
    assert std_map(samples).item() == 0.5
    assert entropy_map(samples).item() == 1.0
    assert mutual_information_map(samples).item() == 1.0


def test_agreeing_doubt_is_entropy_without_mutual_information() -> None:
    samples = np.full((4, 1, 1, 1, 1), 0.5)
    assert (std_map(samples).item(), entropy_map(samples).item(), mutual_information_map(samples).item()) == (0.0, 1.0, 0.0)


def test_entropy_of_a_quarter() -> None:
    expected = -(0.25 * np.log(0.25) + 0.75 * np.log(0.75)) / np.log(2)
    assert entropy_map(np.full((1, 1, 2), 0.25))[0] == pytest.approx([expected] * 2, abs=1e-6)


def test_ranges(samples: np.ndarray) -> None:
    assert 0 <= std_map(samples).min() <= std_map(samples).max() <= 0.5
    for measure in (entropy_map, mutual_information_map):
        assert 0 <= measure(samples).min() <= measure(samples).max() <= 1
    assert (mutual_information_map(samples) <= entropy_map(samples) + 1e-6).all()


def test_volume_variation_and_pairwise_dice_by_hand() -> None:
    # Volumes 1 and 3, sharing one voxel: mean 2, deviation 1; Dice 2 * 1 / 4.
    samples = np.array([[[1, 0, 0, 0]], [[1, 1, 1, 0]]], dtype=float)
    assert volume_variation(samples) == pytest.approx([0.5])
    assert pairwise_dice(samples) == pytest.approx([0.5])


def test_all_empty_is_certain() -> None:
    samples = np.zeros((3, 2, 4))
    assert volume_variation(samples).tolist() == [0, 0]
    assert pairwise_dice(samples).tolist() == [1, 1]


def test_running_equals_plain(samples: np.ndarray) -> None:
    running = RunningMaps(3, samples.shape[2:])
    for one in samples:
        running.add(torch.from_numpy(one))
    np.testing.assert_allclose(running.std(), std_map(samples), atol=1e-6)
    np.testing.assert_allclose(running.entropy(), entropy_map(samples), atol=1e-5)
    np.testing.assert_allclose(running.mutual_information(), mutual_information_map(samples), atol=1e-5)
    np.testing.assert_allclose(running.pairwise_dice(), pairwise_dice(samples), atol=1e-12)


def test_running_std_of_equal_passes_is_exactly_zero(samples: np.ndarray) -> None:
    running = RunningMaps(3, samples.shape[2:])
    for _ in range(20):
        running.add(torch.from_numpy(samples[0]))
    assert running.std().max() == 0.0


def test_voxels_left_out_keep_what_they_were(samples: np.ndarray) -> None:
    quiet = np.clip(samples, 0, 0.4)
    quiet[:, :, 3:] = samples[:, :, 3:]
    followed = torch.arange(3 * 5 * 4, 6 * 5 * 4)
    running = RunningMaps(3, samples.shape[2:])
    for one in quiet[:4]:
        running.add(torch.from_numpy(one))
    running.follow(followed)
    for one in quiet[4:]:
        running.add(torch.from_numpy(one).flatten(1)[:, followed])
    np.testing.assert_allclose(running.std()[:, 3:], std_map(quiet)[:, 3:], atol=1e-6)
    np.testing.assert_allclose(running.std()[:, :3], std_map(quiet[:4])[:, :3], atol=1e-6)
    np.testing.assert_allclose(running.mutual_information()[:, 3:], mutual_information_map(quiet)[:, 3:], atol=1e-5)
    np.testing.assert_allclose(running.mutual_information()[:, :3], mutual_information_map(quiet[:4])[:, :3], atol=1e-5)
    np.testing.assert_allclose(running.pairwise_dice(), pairwise_dice(quiet), atol=1e-12)
    np.testing.assert_array_equal(np.stack(running.voxels), (quiet > 0.5).reshape(7, 3, -1).sum(axis=2))


def test_a_voxel_of_a_region_cannot_be_left_out() -> None:
    running = RunningMaps(1, (2,))
    running.add(torch.tensor([[0.1, 0.9]]))
    with pytest.raises(ValueError, match="cannot be left out"):
        running.follow(torch.tensor([0]))
    running.follow(torch.tensor([1]))
    with pytest.raises(ValueError, match="can be done once"):
        running.follow(torch.tensor([1]))
    with pytest.raises(ValueError, match=r"expected \(1, 1\)"):
        running.add(torch.tensor([[0.1, 0.9]]))


def test_certain_probabilities_a_rounding_above_one_have_no_entropy() -> None:
    running = RunningMaps(1, (1,))
    running.add(torch.tensor([[1.0000001]]))
    assert running.entropy().item() == 0
    assert running.mutual_information().item() == 0


def test_a_samples_array_without_passes_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one pass"):
        std_map(np.zeros((0, 3, 4)))


def test_band_mean_looks_at_the_border_only() -> None:
    mask = np.zeros((40, 40, 40), dtype=bool)
    mask[10:30, 10:30, 10:30] = True
    values = np.zeros(mask.shape)
    values[18:22, 18:22, 18:22] = 1.0
    assert band_mean(values, mask, spacing=(1, 1, 1)) == 0.0
    assert band_mean(values + 0.25, mask, spacing=(1, 1, 1)) == pytest.approx(0.25)
    assert band_mean(values, np.zeros_like(mask), spacing=(1, 1, 1)) is None


def test_expected_error_is_the_chance_that_the_mask_is_wrong() -> None:
    mean = np.array([0.0, 0.2, 0.5, 0.7, 1.0]).reshape(1, 5, 1, 1)
    for mask in (False, True):
        found = expected_error_map(mean, np.full(mean.shape, mask))
        np.testing.assert_allclose(found, 1 - mean if mask else mean, atol=1e-7)
        assert found.dtype == np.float32
    # Truths drawn from the passes' own probabilities are wrong as often as expected.
    rng = np.random.default_rng(0)
    p, mask = rng.random((1, 100, 100, 10)), rng.random((1, 100, 100, 10)) < 0.5
    wrong = (rng.random(p.shape) < p) != mask
    assert expected_error_map(p, mask).sum() == pytest.approx(wrong.sum(), rel=0.02)
