"""Samples: what they hold, that a case is read once, which slices are dark, and errors that name case and file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from gliolabel.errors import InputError
from gliolabel.losses import balanced_class_weights, border_weight_map
from gliolabel.recipes import Recipe, load_recipe
from gliolabel.studies import Case, open_studies
from gliolabel.studies.lgg import LggCase
from gliolabel.training.cache import Cache
from gliolabel.training.samples import SampleSet, open_samples
from gliolabel.training.samples.dark import lit_shares

MakeSamples = Callable[..., SampleSet]

FIRST, SECOND = "TCGA_CS_0001_20000101", "TCGA_DU_0002_20000102"


@pytest.fixture
def recipe() -> Recipe:
    """Report 000 at 32 x 32."""
    return load_recipe("patsatzi2023_unet2d_lgg", ["preprocessing.0.size=[32, 32]", "sampling.patch=[32, 32]", "network.channels=[4, 8]"])


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def test_samples_of_report_000(recipe: Recipe, lgg_folder: Path, cache: Cache) -> None:
    samples = open_samples(recipe, lgg_folder, cache=cache)
    # The black slices, number 0, are left out.
    assert samples.keys == tuple((case_id, number) for case_id in (FIRST, SECOND) for number in (1, 2, 3))
    assert samples.case_ids == (FIRST, SECOND)
    assert samples.patients == {FIRST: "TCGA_CS_0001", SECOND: "TCGA_DU_0002"}
    counts = samples.counts()
    assert (counts.patients, counts.cases, counts.samples, counts.with_tumour) == (2, 2, 6, 4)
    assert (counts.dark_without_tumour, counts.dark_with_tumour) == (2, 0)
    assert str(counts) == "6 samples of 2 cases (2 patients), 4 with tumour; 2 dark ones left out, 0 of them with tumour"
    sample = samples[1]
    assert (sample.case_id, sample.index) == (FIRST, 2)
    assert (sample.image.shape, sample.image.dtype) == ((3, 32, 32), torch.float32)
    assert torch.allclose(sample.image.mean((1, 2)), torch.zeros(3), atol=1e-5)
    assert torch.allclose(sample.image.std((1, 2), correction=0), torch.ones(3), atol=1e-5)
    assert (sample.target.dtype, int(sample.target.sum())) == (torch.uint8, 28)
    # Two regions of 4 x 4 and 4 x 3 pixels, six pixels apart: the weight between them is not 0, with one region or none it is.
    assert sample.weight is not None
    np.testing.assert_allclose(sample.weight, border_weight_map(sample.target.numpy()), atol=1e-6)
    assert float(sample.weight[12, 16]) == pytest.approx(10 * np.exp(-((3 + 3) ** 2) / 100), abs=1e-6)
    assert not samples[0].weight.any()


def test_class_weights_by_hand(recipe: Recipe, lgg_folder: Path, cache: Cache) -> None:
    samples = open_samples(recipe, lgg_folder, cache=cache)
    pixels, tumour = 6 * 1024, 4 * 28
    assert balanced_class_weights(samples.targets()) == pytest.approx((pixels / (2 * (pixels - tumour)), pixels / (2 * tumour)))


def test_a_case_is_read_once(recipe: Recipe, lgg_folder: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = []
    read = LggCase.read
    monkeypatch.setattr(LggCase, "read", lambda case: reads.append(case.id) or read(case))
    samples = open_samples(recipe, lgg_folder, cache=cache)
    for _ in range(2):
        assert len(list(samples)) == len(list(samples.targets())) == samples.counts().samples
    assert len(list(samples.subset([0, 4]))) == 2
    assert reads == [FIRST, SECOND]


def test_nothing_is_read_before_it_is_asked_for(recipe: Recipe, lgg_folder: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    lazy = recipe.model_copy(update={"data": recipe.data.model_copy(update={"smallest_lit_share": None})})
    reads = []
    read = LggCase.read
    monkeypatch.setattr(LggCase, "read", lambda case: reads.append(case.id) or read(case))
    samples = open_samples(lazy, lgg_folder, cache=cache)
    assert len(samples.keys) == len(samples) == 8
    assert reads == []
    assert samples[5].case_id == SECOND
    assert reads == [SECOND]


def test_a_changed_file_is_prepared_anew(recipe: Recipe, lgg_folder: Path, tmp_path: Path) -> None:
    on_disk = Cache(tmp_path / "cache", limit_bytes=0)
    before = open_samples(recipe, lgg_folder, cache=on_disk)[0].image.clone()
    path = lgg_folder / FIRST / f"{FIRST}_2.tif"
    path.write_bytes((lgg_folder / FIRST / f"{FIRST}_3.tif").read_bytes())
    os.utime(path, ns=(1, 1))
    assert not torch.equal(open_samples(recipe, lgg_folder, cache=Cache(tmp_path / "cache"))[0].image, before)


def test_checksums_are_those_of_the_files(recipe: Recipe, lgg_folder: Path, cache: Cache) -> None:
    checksums = open_samples(recipe, lgg_folder, cache=cache).image_sha256
    path = lgg_folder / SECOND / f"{SECOND}_4.tif"
    assert checksums[SECOND][path.name] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert len(checksums[FIRST]) == 4


def test_lit_shares_by_hand() -> None:
    image = np.array([[[[1, 0], [3, 4]], [[0, 0], [0, 0]]], [[[1, 1], [0, 2]], [[5, 5], [5, 5]]]])
    assert lit_shares(image).tolist() == [0.5, 0.0]


def test_errors_name_case_and_file(recipe: Recipe, lgg_folder: Path, cache: Cache) -> None:
    (lgg_folder / SECOND / f"{SECOND}_3.tif").write_bytes(b"II*\0broken")
    with pytest.raises(InputError, match=rf"case {SECOND}, file {SECOND}_3\.tif: cannot be read"):
        open_samples(recipe, lgg_folder, cache=cache)


def test_sections_that_do_not_fit_are_refused(recipe: Recipe, lgg_folder: Path, cache: Cache) -> None:
    volume = recipe.model_copy(update={"data": recipe.data.model_copy(update={"unit": "volume"})})
    with pytest.raises(InputError, match=r"data\.layout lgg has single slices"):
        open_samples(volume, lgg_folder, cache=cache)
    dark = recipe.model_copy(update={"data": recipe.data.model_copy(update={"smallest_lit_share": 1.0})})
    with pytest.raises(InputError, match="leaves out all 8 slices"):
        open_samples(dark, lgg_folder, cache=cache)
    t2 = recipe.model_copy(update={"data": recipe.data.model_copy(update={"channels": ("t2",)})})
    with pytest.raises(InputError, match=r"has 3 channels \(t1, flair, t1ce\), the recipe reads t2"):
        open_samples(t2, lgg_folder, cache=cache)


def test_volumes_of_report_001(phantom_folder: Path, cache: Cache) -> None:
    crop = "preprocessing=[{kind: min_max}, {kind: crop, x: [8, 40], y: [16, 48], z: [4, 36]}]"
    recipe = load_recipe("topcu2023_unet3d_brats21", [crop, "sampling.patch=[32, 32, 32]"])
    samples = open_samples(recipe, phantom_folder, cache=cache)
    case = next(iter(open_studies(phantom_folder)))
    assert samples.keys == tuple((one.id, 0) for one in open_studies(phantom_folder))
    sample = samples[0]
    flair, label = case.read().arrays["flair"], case.read_label()
    scaled = (flair - flair.min()) / (flair.max() - flair.min())
    # Channels in the recipe's order, axes z, y, x.
    np.testing.assert_allclose(sample.image[0], scaled[4:36, 16:48, 8:40], atol=1e-6)
    np.testing.assert_array_equal(sample.target, label[4:36, 16:48, 8:40])
    assert sample.weight is None
    assert samples.image_sha256[case.id].keys() == case.sequences.keys()


def test_slices_of_volumes(phantom_folder: Path, cache: Cache) -> None:
    changes = ["data.slices=[5, 35]", "preprocessing.1.size=[32, 32]", "sampling.patch=[32, 32]"]
    recipe = load_recipe("keller_unet2d_brats20", changes)
    samples = open_samples(recipe, phantom_folder, cache=cache)
    case = next(iter(open_studies(phantom_folder)))
    assert samples.keys[:30] == tuple((case.id, number) for number in range(5, 35))
    assert len(samples) == 90
    sample = samples[12]
    flair = case.read().arrays["flair"]
    assert sample.index == 17
    # 64 to 32 pixels: the mean of two by two, by the largest value of the slices that are used.
    expected = flair[17].reshape(32, 2, 32, 2).mean(axis=(1, 3)) / flair[5:35].max()
    np.testing.assert_allclose(sample.image[0], expected, atol=1e-5)
    assert set(torch.cat([samples[i].target.flatten() for i in range(30)]).unique().tolist()) <= {0, 1, 2, 3}
    whole = open_samples(load_recipe("jonsson2023_resunet2d_brats19"), phantom_folder, cache=cache)
    assert int(max(target.max() for target in whole.subset(range(40)).targets())) == 1
    with pytest.raises(InputError, match=r"has 40 axial slices, data\.slices is \[5, 150\]"):
        open_samples(load_recipe("keller_unet2d_brats20"), phantom_folder, cache=cache)


def test_the_products_own_preparation(phantom_folder: Path, cache: Cache) -> None:
    samples = open_samples(load_recipe("unet3d"), phantom_folder, cache=cache)
    sample = samples[0]
    assert sample.image.shape[0] == 4
    assert sample.image.shape[1:] == sample.target.shape
    assert float(sample.image.abs().max()) <= 5.0
    slices = load_recipe("resunet2d", ["data.unit=slice"])
    assert open_samples(slices, phantom_folder, cache=cache)[3].image.shape == sample.image[:, 3].shape


def test_a_missing_sequence_is_named(phantom_folder: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [Case(case.id, {"t1": case.sequences["t1"]}, case.label) for case in open_studies(phantom_folder)]
    monkeypatch.setattr("gliolabel.training.samples.brats.open_studies", lambda *_, **__: cases)
    samples = open_samples(load_recipe("topcu2023_unet3d_brats21"), phantom_folder, cache=cache)
    with pytest.raises(InputError, match=f"case {cases[0].id}: has no flair, t1ce, t2, which the recipe reads"):
        samples[0]


def test_a_subset_keeps_keys_and_knows_when_files_have_changed(make_samples: MakeSamples) -> None:
    samples = make_samples({"A": [3], "B": [3]})
    part = samples.subset([5, 1])
    assert part.keys == (("A-0", 1), ("B-0", 2))
    assert part.case_ids == ("A-0", "B-0")
    assert part[1].image.unique().tolist() == [102]
    gone = SampleSet(samples.recipe, samples._cases, [("A-0", 7)])
    with pytest.raises(InputError, match="case A-0: has no slice 7 any more"):
        gone[0]
