"""``gliolabel evaluate --uncertainty``: the whole command, with small networks of random weights on small cases."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from gliolabel.inference import Segmenter
from gliolabel.metrics import dice, region_masks
from gliolabel.phantoms.phantom import Phantom
from gliolabel.phantoms.writing import write_phantom_case
from gliolabel.recipes import ModelVersion, build_network, load_recipe, save_model_version
from gliolabel.studies import Grid, open_studies
from gliolabel.vocabulary import REGIONS

IDS = ("Blob_000", "Blob_001", "Blob_002")


def blob(seed: int) -> Phantom:
    """A head of 18 x 26 x 22 voxels of 1 mm (z, y, x), which no resampling slows down, with a tumour of three tissues."""
    shape = (18, 26, 22)
    z, y, x = np.mgrid[: shape[0], : shape[1], : shape[2]]
    head = ((x - 10.5) / 9) ** 2 + ((y - 12.5) / 11) ** 2 + ((z - 8.5) / 7) ** 2 < 1
    distance = np.sqrt((x - 12) ** 2 + (y - 14) ** 2 + (z - 9) ** 2)
    labels = np.select([distance < 1.5, distance < 3, distance < 5], [1, 3, 2], 0).astype(np.uint8)
    noise = np.random.default_rng(seed)
    sequences = {
        name: np.where(head, 100 + 60 * np.isin(labels, bright) + noise.normal(0, 10, shape), 0).astype(np.int16)
        for name, bright in (("t1", (2,)), ("t1ce", (3,)), ("t2", (1, 2)), ("flair", (2, 3)))
    }
    grid = Grid(size=shape[::-1], spacing=(1.0,) * 3, origin=(0.0,) * 3, direction=(1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0))
    return Phantom(grid=grid, sequences=sequences, labels=labels)


@pytest.fixture(scope="module")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study folder of three blobs."""
    folder = tmp_path_factory.mktemp("blobs")
    for number, name in enumerate(IDS):
        write_phantom_case(blob(number), folder / name, name=name)
    return folder


@pytest.fixture
def fold(tmp_path: Path) -> Callable[..., Path]:
    """``fold(0, held_out=IDS[:2])`` -> weights of a fold, random but different; ``change`` is one of the recipe."""

    def make(number: int, *, held_out: tuple[str, ...] = (), name: str = "unet3d", change: str = "network.dropout=[0.0, 0.2, 0.3]") -> Path:
        torch.manual_seed(number)
        recipe = load_recipe("unet3d", ["network.channels=[4, 8, 16]", change])
        trained_on = {case: {"t1": "0" * 64} for case in IDS if case not in held_out}
        return save_model_version(
            tmp_path / f"{name}-fold{number}.safetensors", build_network(recipe.network).state_dict(), name=name, version=f"fold{number}",
            recipe=recipe, metadata={"held_out": list(held_out), "trained_on": trained_on},
        ).path  # fmt: skip

    return make


def test_folds_are_pooled_each_on_its_own_cases(
    gliolabel: Callable, fold: Callable[..., Path], blobs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = fold(0, held_out=IDS[:2]), fold(1, held_out=IDS[2:])
    out = tmp_path / "out"
    passes: list[int] = []
    one_pass = Segmenter._one_pass

    def counted(self: Segmenter, *args: object, **options: object) -> object:
        passes.append(1)
        return one_pass(self, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Segmenter, "_one_pass", counted)
    command = (
        "evaluate",
        "--uncertainty",
        "--fold-weights",
        first,
        "--fold-weights",
        second,
        "--studies",
        blobs,
        "--report",
        out,
        "--passes",
        6,
    )
    answer = gliolabel(*command)
    assert answer.code == 0, answer.err
    assert "3 of 3 cases tested" in answer.out
    assert "not a medical device" in answer.out
    assert len(passes) == 3 * 6  # every number of passes comes from the same run
    assert {path.name for path in out.iterdir()} == {"cases", "uncertainty.csv", "uncertainty.html", "uncertainty.json"}

    content = json.loads((out / "uncertainty.json").read_text())
    assert [model["tested_on"] for model in content["models"]] == [list(IDS[:2]), list(IDS[2:])]
    assert content["passes"] == [1, 5, 6]
    for region in REGIONS:
        numbers = content["numbers"][region]
        assert numbers["std"]["1"]["aurc"] == pytest.approx(numbers["none"]["0"]["aurc"])  # a single pass cannot disagree
        assert numbers["std"]["1"]["qu_brats"] == pytest.approx(numbers["none"]["0"]["qu_brats"])
        assert content["best_aurc"][region] <= numbers["std"]["6"]["aurc"]
    # One case by hand, with the same weights.
    case = open_studies(blobs).get(IDS[2])
    alone = Segmenter(ModelVersion.load(second), device="cpu").segment(case)
    expected = dict(zip(REGIONS, dice(region_masks(alone.mask), region_masks(case.read_label())), strict=True))
    assert content["cases"][IDS[2]]["dice"] == pytest.approx(expected)
    assert content["cases"][IDS[2]]["maps"]["none"]["WT"]["qu_brats"] == pytest.approx((expected["WT"] + 2) / 3)
    rows = list(csv.DictReader((out / "uncertainty.csv").open()))
    assert len(rows) == 3 * len(REGIONS) * (4 * 3 + 3)  # cases, regions, four maps at three numbers of passes and three without
    assert {row["trained_on"] for row in rows} == {"no"}
    page = (out / "uncertainty.html").read_text()
    assert page.count("data:image/svg+xml;base64,") == 6
    assert "http" not in page.replace("http-equiv", "").split("<body>")[1].split("<details>")[0]

    again = gliolabel(*command, "--json")
    assert json.loads(again.out)["numbers"] == content["numbers"]
    assert len(passes) == 3 * 6
    (out / "cases").rename(out / "elsewhere")
    assert gliolabel(*command, "--case", IDS[0]).code == 0
    assert len(passes) == 4 * 6


def test_one_model_on_cases_it_never_saw(gliolabel: Callable, fold: Callable[..., Path], blobs: Path, tmp_path: Path) -> None:
    weights = fold(0, held_out=IDS[:1])
    command = ("evaluate", "--uncertainty", "--model", weights, "--studies", blobs, "--report", tmp_path / "out", "--passes", 2)
    refused = gliolabel(*command)
    assert (refused.code, f"was trained on 2 of the 3 cases ({IDS[1]}, {IDS[2]})" in refused.err) == (2, True)
    assert gliolabel(*command, "--case", IDS[0]).code == 0
    assert json.loads((tmp_path / "out" / "uncertainty.json").read_text())["passes"] == [1, 2]
    allowed = gliolabel(*command, "--allow-training-cases")
    assert allowed.code == 0
    assert "TRAINING CASES AMONG THEM" in allowed.out
    assert "in the training of the model" in (tmp_path / "out" / "uncertainty.html").read_text()


def test_a_damaged_case_is_named_and_the_others_go_on(gliolabel: Callable, fold: Callable[..., Path], tmp_path: Path) -> None:
    studies = tmp_path / "studies"
    for number, name in enumerate(IDS[:2]):
        write_phantom_case(blob(number), studies / name, name=name)
    damaged = studies / IDS[1] / f"{IDS[1]}_t2.nii.gz"
    damaged.write_bytes(damaged.read_bytes()[:300])
    command = ("--fold-weights", fold(0, held_out=IDS[:2]), "--studies", studies, "--report", tmp_path / "out", "--passes", 1)
    answer = gliolabel("evaluate", "--uncertainty", *command)
    assert (answer.code, damaged.name in answer.err, "1 of 2 cases tested" in answer.out) == (1, True, True)
    assert "Traceback" not in answer.err
    assert damaged.name in (tmp_path / "out" / "uncertainty.html").read_text()


def test_bad_input(gliolabel: Callable, fold: Callable[..., Path], blobs: Path, tmp_path: Path) -> None:
    def refused(*arguments: str | Path | int) -> str:
        answer = gliolabel("evaluate", "--studies", blobs, "--report", tmp_path / "out", *arguments)
        assert answer.code == 2, answer.err
        assert "Traceback" not in answer.err
        return answer.err

    good, other = fold(0, held_out=IDS[:1]), fold(1, held_out=IDS[:2])
    test = "--uncertainty"
    assert "goes with --uncertainty" in refused("--fold-weights", good)
    assert "leave out --model" in refused(test, "--fold-weights", good, "--model", "unet3d")
    assert "tests one --model" in refused(test, "--model", "unet3d", "--model", "resunet2d")
    assert f"{IDS[0]} is held out by" in refused(test, "--fold-weights", good, "--fold-weights", other)
    assert "none to test it on" in refused(test, "--fold-weights", fold(2))
    assert "held-out cases are not in" in refused(test, "--fold-weights", fold(3, held_out=("elsewhere",)))
    assert "different models (other, unet3d)" in refused(
        test, "--fold-weights", good, "--fold-weights", fold(4, held_out=IDS[1:], name="other")
    )
    assert "none of the --fold-weights" in refused(test, "--fold-weights", good, "--case", IDS[2])
    assert "has no dropout" in refused(test, "--fold-weights", fold(5, held_out=IDS[:1], change="network.dropout=[0.0]"))
    assert "--passes" in refused(test, "--fold-weights", good, "--passes", 0)
    assert not (tmp_path / "out").exists()


@pytest.mark.nightly
def test_the_starter_on_a_real_case_it_never_saw(gliolabel: Callable, brats_folder: Path, tmp_path: Path) -> None:
    command = (
        "--fold-weights",
        "unet3d",
        "--studies",
        brats_folder,
        "--report",
        tmp_path,
        "--case",
        "Brats18_TCIA03_265_1",
        "--passes",
        10,
    )
    answer = gliolabel("evaluate", "--uncertainty", *command)
    assert answer.code == 0, answer.err
    content = json.loads((tmp_path / "uncertainty.json").read_text())
    for region in REGIONS:
        numbers = content["numbers"][region]
        # A third of the way from no uncertainty to the best there is would be little; all maps are far beyond.
        for name in ("std", "entropy", "max_probability"):
            found = numbers[name].get("10") or numbers[name]["0"]
            assert found["aurc"] < numbers["none"]["0"]["aurc"] / 2, (region, name)
    assert content["places"]["served"]["by_passes"]["10"]["mean"] > content["places"]["border"]["by_passes"]["0"]["mean"]
