"""Passes that share work give what passes by themselves give."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gliolabel.inference import Segmenter
from gliolabel.inference.passes import PASSES_EVERYWHERE, SLICES_KEPT_BESIDE, SlicePasses
from gliolabel.inference.precision import Precision
from gliolabel.losses import region_probabilities
from gliolabel.networks import SegmentationNetwork
from gliolabel.recipes import ModelVersion
from gliolabel.studies import CaseImages

from .conftest import make_model


class Bright(SegmentationNetwork):
    """Finds tumour where the first channel is bright."""

    spatial_dims = 2
    divisor = 4

    def __init__(self) -> None:
        super().__init__()
        self.dropout = nn.Dropout2d(0.1)

    def finish(self, stem: tuple[Tensor, ...]) -> Tensor:
        bright = (stem[0][:, :1] > 5).float()
        return torch.cat([20 * (1 - bright), *[20 * bright] * 3], dim=1)


@pytest.mark.parametrize("name", ["unet3d", "resunet2d"])
def test_shared_passes_are_the_plain_passes(name: str, tmp_path: Path, images: CaseImages) -> None:
    segmenter = Segmenter(make_model(tmp_path, name), device="cpu", precision=torch.float32)
    prepared, _ = segmenter.prepare(images)
    mask = segmenter.mask(prepared).mask
    passes = PASSES_EVERYWHERE + 2
    shared = segmenter.maps(prepared, mask, passes=passes, seed=5)
    plain = segmenter.maps(prepared, mask, passes=passes, seed=5, plain=True)
    for measure, values in plain.measures.items():
        assert values.max() > 0
        np.testing.assert_allclose(shared.measures[measure], values, atol=2e-3)
        assert np.abs(shared.measures[measure] - values).mean() < 1e-4
    for region, scores in plain.scores.items():
        for name, value in scores.items():
            assert shared.scores[region][name] == (value if value is None else pytest.approx(value, rel=1e-2)), name


def slice_passes(image: Tensor, plane: str) -> SlicePasses:
    return SlicePasses(
        Bright().eval(),
        image,
        brain=torch.ones(image.shape[1:], dtype=torch.bool),
        plane=plane,
        precision=Precision(torch.device("cpu"), torch.float32),
        to_regions=region_probabilities,
        regions=3,
    )


def test_slices_without_a_finding_are_left_out_but_for_those_beside_one() -> None:
    image = torch.ones(4, 30, 12, 8)
    image[0, 14, 3:6, 2:4] = 9.0
    passes = slice_passes(image, "axial")
    before = passes.run()
    still = passes.settle()
    kept = range(14 - SLICES_KEPT_BESIDE, 15 + SLICES_KEPT_BESIDE)
    assert (still.reshape(len(kept), 12 * 8) // (12 * 8)).unique().tolist() == list(kept)
    after = passes.run()
    assert torch.equal(after, before[:, still])
    assert int((after[0] > 0.5).sum()) == 6


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_in_every_plane_results_lie_where_the_image_does(plane: str) -> None:
    image = torch.ones(4, 10, 12, 8)
    image[0, 2, 3:6, 5] = 9.0
    found = slice_passes(image, plane).run()[0] > 0.5
    assert torch.equal(found.reshape(10, 12, 8), image[0] > 5)


def test_memory_running_out_between_passes_goes_on_without_sharing(
    model: ModelVersion, images: CaseImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    segmenter = Segmenter(model, device="cpu", precision=torch.float32)
    expected = segmenter.segment(images, passes=4).maps
    ran: list[int] = []
    for kind in ("SlicePasses", "VolumePasses"):
        run = getattr(__import__("gliolabel.inference.passes", fromlist=[kind]), kind).run

        def once(self: object, run: object = run) -> Tensor:
            if ran:
                raise torch.cuda.OutOfMemoryError("full")
            ran.append(1)
            return run(self)  # type: ignore[operator]

        monkeypatch.setattr(f"gliolabel.inference.passes.{kind}.run", once)
    found = segmenter.segment(images, passes=4).maps
    assert ran == [1]
    assert expected is not None
    assert found is not None
    np.testing.assert_allclose(found.measures["std"], expected.measures["std"], atol=1e-4)
