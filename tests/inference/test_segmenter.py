"""What a segmentation promises, whatever the weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from gliolabel.inference import Segmenter
from gliolabel.inference.precision import best_precision
from gliolabel.inference.runner import Runner
from gliolabel.recipes import ModelVersion
from gliolabel.studies import CaseImages

from .conftest import make_model


def buffers(segmenter: Segmenter) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in segmenter._network.state_dict().items()}


def test_mask_and_probabilities_agree_and_lie_on_the_reference_grid(model: ModelVersion, images: CaseImages) -> None:
    result = Segmenter(model, device="cpu").segment(images)
    assert (result.mask.shape, result.mask.dtype) == (images.grid.shape, np.uint8)
    assert set(np.unique(result.mask)) <= {0, 1, 2, 3}
    assert result.probabilities.shape == (3, *images.grid.shape)
    wt, tc, et = result.probabilities
    assert ((wt >= tc - 1e-6) & (tc >= et - 1e-6)).all()
    outside = images.arrays["t1ce"] == 0
    assert result.volumes_ml["WT"] == pytest.approx((result.mask > 0).sum() / 1000)
    assert set(result.latencies) == {"read", "prepare", "network", "restore"}
    assert result.maps is None
    assert outside.any()


def test_same_seed_same_map_bit_for_bit_and_another_seed_another_map(model: ModelVersion, images: CaseImages) -> None:
    segmenter = Segmenter(model, device="cpu")
    first, again = segmenter.segment(images, passes=4, seed=3).maps, segmenter.segment(images, passes=4, seed=3).maps
    other = segmenter.segment(images, passes=4, seed=4).maps
    assert first is not None
    assert again is not None
    assert other is not None
    for measure, values in first.measures.items():
        assert np.array_equal(values, again.measures[measure])
        assert values.dtype == np.float32
    assert not np.array_equal(first.measures["std"], other.measures["std"])


def test_maps_have_their_ranges_and_are_zero_in_the_air(model: ModelVersion, images: CaseImages) -> None:
    maps = Segmenter(model, device="cpu").segment(images, passes=5).maps
    assert maps is not None
    assert 0 < maps.measures["std"].max() <= 0.5
    for measure in ("entropy", "mutual_information"):
        assert 0 <= maps.measures[measure].min() <= maps.measures[measure].max() <= 1
    air = images.arrays["t1ce"] == 0
    for name, values in maps.measures.items():
        assert values[air].max() == 0
        assert np.array_equal(values, maps.by_region[name].max(axis=0))
    for scores in maps.scores.values():
        assert 0 <= (scores["pairwise_dice"] or 0) <= 1
        assert (scores["volume_ml_p05"] or 0) <= (scores["volume_ml_p95"] or 0)


def test_one_run_gives_the_maps_of_several_numbers_of_passes(model: ModelVersion, images: CaseImages) -> None:
    segmenter = Segmenter(model, device="cpu")
    prepared, _ = segmenter.prepare(images)
    mask = segmenter.mask(prepared).mask
    counts, told = (1, 5, 7), []
    # Compared when the run is over: what was given out must not be touched by later passes.
    for count, found in zip(
        counts, list(segmenter.maps_at(prepared, mask, counts=counts, progress=lambda _, text: told.append(text))), strict=True
    ):
        alone = segmenter.maps(prepared, mask, passes=count)
        assert (found.passes, found.scores) == (count, alone.scores)
        assert np.array_equal(found.expected_error, alone.expected_error)
        for measure, values in alone.by_region.items():
            assert np.array_equal(found.by_region[measure], values)
    assert len(told) == 7
    assert 0 <= found.expected_error.min() < found.expected_error.max() <= 1
    assert found.expected_error[:, images.arrays["t1ce"] == 0].max() == 0
    for wrong in ((), (0,), (5, 5), (5, 1)):
        with pytest.raises(ValueError, match="rising"):
            next(segmenter.maps_at(prepared, mask, counts=wrong))


def test_maps_leave_the_served_network_and_the_mask_alone(model: ModelVersion, images: CaseImages) -> None:
    segmenter = Segmenter(model, device="cpu")
    before, mask = buffers(segmenter), segmenter.segment(images).mask
    for seed in range(10):
        segmenter.segment(images, passes=5, seed=seed)
    assert np.array_equal(segmenter.segment(images).mask, mask)
    for name, tensor in segmenter._network.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    assert not any(module.training for module in segmenter._network.modules())


@pytest.mark.parametrize("name", ["unet3d", "resunet2d"])
def test_without_dropout_every_map_of_disagreement_is_exactly_zero(name: str, tmp_path: Path, images: CaseImages) -> None:
    still = Segmenter(make_model(tmp_path, name, "network.dropout=[0.0]"), device="cpu").segment(images, passes=3).maps
    assert still is not None
    assert still.measures["std"].max() == 0
    assert all(scores["pairwise_dice"] == 1 for scores in still.scores.values())


def test_a_pass_does_not_depend_on_the_passes_before_it(model: ModelVersion, images: CaseImages) -> None:
    segmenter = Segmenter(model, device="cpu")
    prepared, _ = segmenter.prepare(images)
    with torch.inference_mode():
        straight = [segmenter._sampled(prepared.image, seed=0, index=i) for i in range(3)]
        assert torch.equal(segmenter._sampled(prepared.image, seed=0, index=1), straight[1])
        assert not torch.equal(straight[0], straight[1])


def test_missing_sequences_are_said(model: ModelVersion, images: CaseImages) -> None:
    result = Segmenter(model, device="cpu").segment(replace(images, arrays={"t1ce": images.arrays["t1ce"]}))
    assert any(w.startswith("t1, t2, flair missing: segmented from t1ce alone") for w in result.warnings)


def test_windows_when_memory_is_short_say_so_and_give_nearly_the_same(tmp_path: Path, images: CaseImages) -> None:
    model = make_model(tmp_path, "unet3d")
    whole = Segmenter(model, device="cpu").segment(images)
    parts = Segmenter(model, device="cpu", memory_gib=1e-6).segment(images)
    assert any("overlapping windows of 64 voxels" in w for w in parts.warnings)
    assert not any("windows" in w for w in whole.warnings)
    assert parts.mask.shape == whole.mask.shape


def test_out_of_memory_falls_back_to_smaller_windows_and_then_the_cpu(
    tmp_path: Path, images: CaseImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    segmenter = Segmenter(make_model(tmp_path, "unet3d"), device="cpu")
    tried: list[int | None] = []
    attempt = Runner._attempt

    def full(self: Runner, *args: object, window: int | None, precision: object = None, **rest: object) -> torch.Tensor:
        tried.append(window)
        if precision is None:
            raise torch.cuda.OutOfMemoryError("full")
        return attempt(self, *args, window=window, precision=precision, **rest)

    monkeypatch.setattr(Runner, "_attempt", full)
    result = segmenter.segment(images)
    assert tried[:5] == [None, 128, 96, 64, 64]
    assert any("out of memory: segmented on the CPU" in w for w in result.warnings)


def test_cancel_stops_between_passes(model: ModelVersion, images: CaseImages) -> None:
    seen: list[float] = []

    def stop() -> None:
        if len(seen) >= 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Segmenter(model, device="cpu").segment(images, passes=10, progress=lambda share, _: seen.append(share), cancel=stop)
    assert seen == [0.1, 0.2]


def test_reduced_precision_is_close_to_float32(model: ModelVersion, images: CaseImages) -> None:
    if best_precision(torch.device("cpu")).dtype == torch.float32:
        pytest.skip("this CPU computes in float32 anyway")
    fast = Segmenter(model, device="cpu").segment(images).probabilities
    exact = Segmenter(model, device="cpu", precision=torch.float32).segment(images).probabilities
    assert np.abs(fast - exact).mean() < 0.02


def test_no_passes_is_refused(model: ModelVersion, images: CaseImages) -> None:
    segmenter = Segmenter(model, device="cpu")
    prepared, _ = segmenter.prepare(images)
    with pytest.raises(ValueError, match="passes is 0"):
        segmenter.maps(prepared, np.zeros(images.grid.shape, np.uint8), passes=0)
