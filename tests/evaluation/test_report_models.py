"""Models of the reports' recipes: slices and volumes, on BraTS cases in any orientation and on stacks of slices."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from gliolabel.errors import InputError
from gliolabel.evaluation.analysis import analyse
from gliolabel.evaluation.cases import VolumeCase
from gliolabel.evaluation.files import Digests
from gliolabel.evaluation.kept import KeptOutcomes
from gliolabel.evaluation.measures import CLASSES_ROW
from gliolabel.evaluation.own_score import own_score
from gliolabel.evaluation.page import write_page
from gliolabel.evaluation.predictors import Predictor, open_predictor
from gliolabel.evaluation.results import describe
from gliolabel.evaluation.running import ModelUnderTest, evaluate
from gliolabel.evaluation.stacks import StackCase, open_stacks
from gliolabel.inference.slices import SliceSegmenter
from gliolabel.phantoms import make_phantom, reoriented, write_phantom_case
from gliolabel.recipes import ModelVersion, build_network, load_recipe, save_model_version
from gliolabel.studies import open_studies

SHAPE = (40, 64, 64)


@pytest.fixture
def model(tmp_path: Path) -> Callable[..., ModelVersion]:
    """``model("keller_unet2d_brats20", "network.channels=[4, 8]")`` -> an untrained model of that recipe."""

    def make(recipe: str, *changes: str) -> ModelVersion:
        content = load_recipe(recipe, list(changes))
        torch.manual_seed(1)
        weights = build_network(content.network).state_dict()
        return save_model_version(
            tmp_path / f"{recipe}.safetensors", weights, name=recipe, version="untrained", recipe=content, metadata={"trained_on": {}}
        )

    return make


@pytest.fixture
def stacks(tmp_path: Path) -> Path:
    """Two patients of three colour slices of 32 x 24 pixels, with a square of tumour on the second slice."""
    generator = np.random.default_rng(0)
    for patient in ("TCGA_AA_0001_20000101", "TCGA_AA_0002_20000101"):
        folder = tmp_path / "lgg" / patient
        folder.mkdir(parents=True)
        for number in (2, 10, 1):
            image = generator.integers(1, 255, size=(32, 24, 3), dtype=np.uint8)
            mask = np.zeros((32, 24), dtype=np.uint8)
            if number == 2:
                mask[4:12, 6:14] = 255
            sitk.WriteImage(sitk.GetImageFromArray(image, isVector=True), str(folder / f"{patient}_{number}.tif"))
            sitk.WriteImage(sitk.GetImageFromArray(mask), str(folder / f"{patient}_{number}_mask.tif"))
    return tmp_path / "lgg"


def _tested(predictor: Predictor, folder: Path) -> ModelUnderTest:
    return ModelUnderTest(label="model", sha256="0", predictor=predictor, kept=KeptOutcomes(folder / "kept"))


def test_stacks_are_read_in_the_order_of_their_numbers(stacks: Path) -> None:
    cases = open_stacks(stacks)
    assert [case.id for case in cases] == ["TCGA_AA_0001_20000101", "TCGA_AA_0002_20000101"]
    opened = cases[0].open()
    assert opened.truth["tumour"].sum(axis=(1, 2)).tolist() == [0, 64, 0]
    assert opened.spacing is None
    assert list(opened.pictures) == ["t1", "flair", "t1ce"]
    second = sitk.GetArrayFromImage(sitk.ReadImage(str(stacks / cases[0].id / f"{cases[0].id}_2.tif")))
    np.testing.assert_array_equal(opened.pictures["flair"][1], second[..., 1])
    roles = cases[0].digests()
    assert sum(role.startswith("label") for role in roles) == 3
    assert len(roles) == 6


def test_a_model_of_one_output_on_stacks(stacks: Path, model: Callable[..., ModelVersion], tmp_path: Path) -> None:
    version = model("patsatzi2023_unet2d_lgg", "network.channels=[4, 8]", "inference.threshold=0.5")
    predictor = open_predictor(version, device="cpu")
    assert predictor.regions == ("tumour",)
    cases: list[StackCase] = open_stacks(stacks)
    found = evaluate([_tested(predictor, tmp_path)], cases)
    row = found.outcomes["model"][cases[0].id].rows["tumour"]
    opened = cases[0].open()
    probabilities = SliceSegmenter(version, device="cpu").probabilities(np.stack(list(opened.pictures.values())))
    truth, predicted = opened.truth["tumour"], probabilities[0] > 0.5
    assert row["dice"] == pytest.approx(2 * (truth & predicted).sum() / (truth.sum() + predicted.sum()))
    assert row["hd95_mm"] is None
    assert CLASSES_ROW not in found.outcomes["model"][cases[0].id].rows
    # One sample a slice: two of three are empty.
    scores = [
        own_score(version.recipe, probabilities[:, z : z + 1].swapaxes(0, 1), truth[z : z + 1].astype(np.uint8))["score"] for z in range(3)
    ]
    assert row["score"] == pytest.approx(np.mean(scores))  # type: ignore[arg-type]
    assert row["score_with_tumour"] == pytest.approx(scores[1])
    analysis = analyse(found)
    about = describe(found, analysis, studies=stacks, layout="stacks", digests={case.id: case.digests() for case in cases})
    write_page(found, analysis, tmp_path / "report.html", about=about)
    page = (tmp_path / "report.html").read_text()
    assert f"Case {cases[0].id}, outlines of truth and prediction. tumour Dice" in page
    assert "stacks" in page


@pytest.mark.parametrize(
    ("recipe", "changes", "regions"),
    [
        ("keller_unet2d_brats20", ("network.channels=[4, 8, 8, 8, 8]",), ("WT", "TC", "ET")),
        ("jonsson2023_resunet2d_brats19", (), ("WT",)),
        (
            "topcu2023_unet3d_brats21",
            ("network.channels=[2, 4, 4, 4, 4]", 'preprocessing=[{"kind": "min_max"}]', "sampling.patch=[48, 64, 64]"),
            ("WT", "TC", "ET"),
        ),
    ],
)
def test_orientation_of_the_files_does_not_matter(
    recipe: str, changes: tuple[str, ...], regions: tuple[str, ...], model: Callable[..., ModelVersion], tmp_path: Path
) -> None:
    predictor = open_predictor(model(recipe, *changes), device="cpu")
    assert predictor.regions == regions
    phantom = make_phantom(shape=SHAPE, seed=4)
    outcomes = []
    for orientation in ("LPS", "RAS", "PIR"):
        folder = tmp_path / orientation
        write_phantom_case(reoriented(phantom, orientation), folder / "case", name="case")
        found = evaluate([_tested(predictor, folder)], [VolumeCase(next(iter(open_studies(folder))), Digests())])
        assert not found.failed
        outcomes.append(found.outcomes["model"]["case"])
    for other in outcomes[1:]:
        assert other.reliability == outcomes[0].reliability
        assert [other.value(region, "dice") for region in regions] == [outcomes[0].value(region, "dice") for region in regions]
    # The counts tell volumes apart that differ at all: probabilities of an untrained network fall into several bins.
    counts = outcomes[0].reliability[regions[0]]
    assert np.count_nonzero(counts["total"]) > 3
    assert np.count_nonzero(counts["positive"]) > 1


def test_a_missing_channel_and_a_damaged_slice_are_named(stacks: Path, model: Callable[..., ModelVersion], tmp_path: Path) -> None:
    predictor = open_predictor(model("patsatzi2023_unet2d_lgg", "network.channels=[4, 8]"), device="cpu")
    first, second = (case.id for case in open_stacks(stacks))
    grey = stacks / first
    for path in grey.glob("*[0-9].tif"):
        sitk.WriteImage(sitk.GetImageFromArray(np.ones((32, 24), dtype=np.uint8)), str(path))
    broken = stacks / second / f"{second}_10.tif"
    broken.write_bytes(broken.read_bytes()[:100])
    found = evaluate([_tested(predictor, tmp_path)], open_stacks(stacks))
    assert "has no t1, t1ce" in found.failed[first]
    assert broken.name in found.failed[second]
    (grey / f"{first}_2_mask.tif").unlink()
    with pytest.raises(InputError, match=f"{first}_2.tif: has no mask"):
        open_stacks(stacks)[0].open()


def test_score_with_tumour_by_hand() -> None:
    recipe = load_recipe("patsatzi2023_unet2d_lgg", ["score.kind=hard_dice", "score.batch=false", "score.background=false"])
    probabilities = np.array([[[[0.9, 0.1]]], [[[0.9, 0.9]]], [[[0.1, 0.1]]]], dtype=np.float32)
    target = np.array([[[1, 0]], [[1, 0]], [[0, 0]]], dtype=np.uint8)
    # Slices score 1, 2/3 and, empty as it should be, 1.
    assert own_score(recipe, probabilities, target) == pytest.approx({"score": (1 + 2 / 3 + 1) / 3, "score_with_tumour": (1 + 2 / 3) / 2})
    empty = own_score(recipe, probabilities[2:], target[2:])
    assert empty == {"score": 1.0, "score_with_tumour": None}
