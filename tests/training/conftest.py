"""Samples made in memory, and a folder of slices in the layout of the LGG set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from gliolabel.recipes import Recipe, load_recipe
from gliolabel.training.cache import Cache
from gliolabel.training.samples import SampleSet
from gliolabel.training.samples.prepared import CaseSamples

MakeSamples = Callable[..., SampleSet]


@dataclass
class MadeUpLoader:
    """A case of ``slices`` slices of 16 x 16 pixels that say in which patient and slice they are."""

    id: str
    patient: str
    slices: int
    number: int
    loads: int = 0

    def depth(self) -> int:
        return self.slices

    def load(self) -> tuple[np.ndarray, np.ndarray]:
        self.loads += 1
        image = np.zeros((1, self.slices, 16, 16), dtype=np.float32)
        image[0, :, :, :] = self.number * 100 + np.arange(self.slices)[:, None, None]
        label = np.zeros((self.slices, 16, 16), dtype=np.uint8)
        label[:, 4:8, 2:5] = np.arange(self.slices)[:, None, None] % 4
        return image, label

    def fingerprint(self) -> str:
        return "made up"

    def image_sha256(self) -> dict[str, str]:
        return {"flair": f"{self.number:064x}"}


@pytest.fixture
def slice_recipe() -> Recipe:
    """Report 000 on one channel, 16 x 16 pixels as they are, without border weights."""
    return load_recipe(
        "patsatzi2023_unet2d_lgg",
        [
            "data.channels=[flair]",
            "network.in_channels=1",
            "network.channels=[4, 8]",
            "data.smallest_lit_share=null",
            "preprocessing=[{kind: divide, by: 1.0}]",
            "sampling.patch=[16, 16]",
            "sampling.batch_size=4",
            "loss.border=false",
            "augmentation.kind=none",
        ],
    )


@pytest.fixture
def make_samples(slice_recipe: Recipe, tmp_path: Path) -> MakeSamples:
    """``make_samples({"patient": [slices of a case, ...]})``; cases are called ``patient-0`` and so on."""

    def make(patients: dict[str, list[int]], *, recipe: Recipe = slice_recipe) -> SampleSet:
        cases = {}
        for patient, sizes in patients.items():
            for index, slices in enumerate(sizes):
                loader = MadeUpLoader(f"{patient}-{index}", patient, slices, number=len(cases))
                cases[loader.id] = CaseSamples(loader, recipe, cache=Cache(tmp_path / "cache"))
        return SampleSet(recipe, cases, [(case_id, number) for case_id in sorted(cases) for number in cases[case_id].slices()])

    return make


@pytest.fixture
def lgg_folder(tmp_path: Path) -> Path:
    """Two patients of four slices, 32 x 32: the first is black, the others have a head, the last two have two tumours 6 pixels apart."""
    folder = tmp_path / "lgg"
    for patient in ("TCGA_CS_0001_20000101", "TCGA_DU_0002_20000102"):
        for number in range(1, 5):
            image = np.zeros((32, 32, 3), dtype=np.uint8)
            mask = np.zeros((32, 32), dtype=np.uint8)
            if number > 1:
                image[4:28, 6:26] = (60, 80 + number, 100)
            if number > 2:
                mask[10:14, 10:14] = mask[10:14, 19:22] = 255
                image[mask > 0, 1] = 250
            _write(folder / patient / f"{patient}_{number}.tif", image)
            _write(folder / patient / f"{patient}_{number}_mask.tif", mask)
    return folder


def _write(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(sitk.GetImageFromArray(array, isVector=array.ndim == 3), str(path))
