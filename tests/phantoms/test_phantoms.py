"""Phantoms: the same every time, and bright where a glioma is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gliolabel.errors import InputError
from gliolabel.phantoms import Phantom, make_phantom, oblique, reoriented, write_phantom_folder
from gliolabel.studies import open_studies
from gliolabel.vocabulary import LABELS, SEQUENCES


@pytest.fixture(scope="module")
def head() -> Phantom:
    """Half the resolution of BraTS."""
    return make_phantom(shape=(78, 120, 120), seed=5)


def test_a_brain_without_skull(head: Phantom) -> None:
    brain = head.sequences["t1"] > 0
    assert 1200 < brain.sum() * head.grid.voxel_ml < 1800
    for sequence in SEQUENCES:
        assert head.sequences[sequence].dtype == np.int16
        np.testing.assert_array_equal(head.sequences[sequence] > 0, brain)
    assert not brain[:, 0].any()
    assert not brain[:, :, -1].any()


def test_the_tumour_lies_in_the_brain_with_all_tissues(head: Phantom) -> None:
    assert set(np.unique(head.labels)) == {0, 1, 2, 3}
    assert (head.sequences["t1"][head.labels > 0] > 0).all()
    assert 20 < (head.labels > 0).sum() * head.grid.voxel_ml < 200


def test_brightness_as_in_real_cases(head: Phantom) -> None:
    def median(sequence: str, mask: np.ndarray) -> float:
        return float(np.median(head.sequences[sequence][mask]))

    healthy = (head.labels == 0) & (head.sequences["t1"] > 0)
    edema, rim, core = (head.labels == LABELS[name] for name in ("edema", "enhancing tumor", "necrosis"))
    assert median("flair", edema) > 1.4 * median("flair", healthy)
    assert median("t2", edema) > 1.15 * median("t2", healthy)
    assert median("t1ce", rim) > 1.25 * median("t1ce", healthy)
    assert median("t1ce", core) < 0.8 * median("t1ce", rim)
    white = np.percentile(head.sequences["t1"][healthy], 75)
    assert median("t1", rim) < 0.95 * white
    # Fluid is dark in FLAIR and bright in T2: the two sequences disagree on the brightest healthy voxels.
    fluid = healthy & (head.sequences["t2"] > 2.0 * median("t2", healthy))
    assert fluid.sum() * head.grid.voxel_ml > 10
    assert median("flair", fluid) < 0.75 * median("flair", healthy)


def test_the_same_arguments_give_the_same_voxels() -> None:
    one, again, other = (make_phantom(shape=(20, 24, 28), seed=seed) for seed in (1, 1, 2))
    for sequence in SEQUENCES:
        np.testing.assert_array_equal(one.sequences[sequence], again.sequences[sequence])
    np.testing.assert_array_equal(one.labels, again.labels)
    assert (one.sequences["t1"] != other.sequences["t1"]).any()


def test_more_cases_do_not_change_the_first(tmp_path: Path) -> None:
    write_phantom_folder(tmp_path / "one", cases=1, shape=(18, 24, 24), seed=7)
    write_phantom_folder(tmp_path / "two", cases=2, shape=(18, 24, 24), seed=7)
    first, longer = open_studies(tmp_path / "one").get("Phantom_000"), open_studies(tmp_path / "two").get("Phantom_000")
    np.testing.assert_array_equal(first.read().arrays["t2"], longer.read().arrays["t2"])


@pytest.mark.parametrize("seed", range(12))
def test_small_ones_have_every_label_too(seed: int) -> None:
    phantom = make_phantom(shape=(40, 64, 64), seed=seed)
    assert set(np.unique(phantom.labels)) == {0, 1, 2, 3}


def test_wrong_arguments(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="layout '2030'"):
        write_phantom_folder(tmp_path, layout="2030")
    with pytest.raises(ValueError, match="at least 16"):
        make_phantom(shape=(8, 24, 24))


def test_variants_keep_the_head_where_it_is() -> None:
    phantom = make_phantom(shape=(18, 30, 24))
    tip = np.unravel_index(int(phantom.sequences["t1ce"].argmax()), phantom.grid.shape)
    turned = reoriented(phantom, "RAS")
    assert turned.grid.direction[0] == -1.0
    there = np.unravel_index(int(turned.sequences["t1ce"].argmax()), turned.grid.shape)
    np.testing.assert_allclose(turned.grid.position(there), phantom.grid.position(tip), atol=1e-6)
    tilted = oblique(phantom)
    np.testing.assert_array_equal(tilted.labels, phantom.labels)
    assert not tilted.grid.same_as(phantom.grid)
    assert np.linalg.det(np.asarray(tilted.grid.direction).reshape(3, 3)) == pytest.approx(1.0)
