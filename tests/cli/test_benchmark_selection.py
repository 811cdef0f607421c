"""``gliolabel benchmark --selection`` from slices to the picture, with networks that are trained for seconds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.sample_apps.made_up_slices import write_patient

from gliolabel.phantoms import write_phantom_folder
from gliolabel.recipes import load_recipe
from gliolabel.recipes.loading import recipe_text
from gliolabel.training import engine

BUDGETS = "2,4"


@pytest.fixture(scope="module")
def slices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight patients in the layout of the LGG set."""
    folder = tmp_path_factory.mktemp("lgg")
    for number in range(8):
        write_patient(folder, f"TCGA_CS_{number:04}_20000101", seed=number)
    return folder


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study's recipe, much smaller."""
    text = recipe_text("selection_unet2d_lgg")
    for before, after in (
        ("[64, 64]", "[24, 24]"),
        ("[8, 16, 32, 64, 128]", "[4, 8]"),
        ("[0.0, 0.0, 0.1, 0.1, 0.2]", "[0.0, 0.3]"),
        ("steps: 120", "steps: 12"),
    ):
        assert before in text
        text = text.replace(before, after)
    path = tmp_path_factory.mktemp("recipe") / "tiny.yaml"
    path.write_text(text)
    return path


def trainings(output: Path) -> list[str]:
    return sorted(path.relative_to(output).as_posix() for path in output.glob("seed-*/*.json"))


def test_a_study_from_slices_to_the_picture(gliolabel: Callable, slices: Path, tiny: Path, tmp_path: Path) -> None:
    def run(output: Path, *more: str) -> dict:
        answer = gliolabel(
            "benchmark",
            "--selection",
            "--studies",
            slices,
            "--model",
            tiny,
            "--output",
            output,
            "--budgets",
            BUDGETS,
            "--seeds",
            "2",
            *more,
        )
        assert answer.code == 0, answer.err
        return json.loads((output / "result.json").read_text()) | {"said": answer.out, "notes": answer.err}

    result = run(tmp_path / "study")
    assert trainings(tmp_path / "study") == [
        f"seed-{seed:02}/{name}.json"
        for seed in range(2)
        for name in ("002-first", "004-most_uncertain", "004-random", "004-stratified_random", "006-all")
    ]
    assert result["data"]["patients"] == 8
    assert (result["data"]["locked"], result["data"]["pool"]) == (2, 6)
    assert (result["recipe"]["steps"], result["design"]["passes"]) == (12, 20)
    assert "most_uncertain minus random" in result["said"]
    assert "10 of 10 trainings" in result["notes"]
    assert (tmp_path / "study" / "chart.svg").read_text().count("<svg") == 1
    first = json.loads((tmp_path / "study" / "seed-00" / "002-first.json").read_text())
    scores = [case["scores"]["tumour"]["pairwise_dice"] for case in first["outcome"]["pool"].values()]
    assert len(scores) == 4
    assert min(scores) < 1, "passes differ"

    again = run(tmp_path / "again", "--json")
    assert again["found"]["curves"] == result["found"]["curves"], "the same seeds, the same numbers"
    assert [one["dice"] for one in again["trainings"]] == [one["dice"] for one in result["trainings"]]
    assert json.loads(again["said"])["found"]["areas"] == result["found"]["areas"]


def test_an_interrupted_training_goes_on(
    gliolabel: Callable, slices: Path, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["benchmark", "--selection", "--studies", slices, "--model", tiny, "--budgets", BUDGETS, "--seeds", "1", "--output"]
    assert gliolabel(*arguments, tmp_path / "whole").code == 0

    steps = {"done": 0}
    one_step = engine.Training._one_step

    def stopping(self: engine.Training) -> float:
        steps["done"] += 1
        if steps["done"] == 12 + 9:  # in the second training, after a checkpoint
            raise KeyboardInterrupt
        return one_step(self)

    monkeypatch.setattr(engine.Training, "_one_step", stopping)
    assert gliolabel(*arguments, tmp_path / "parts").code != 0
    assert trainings(tmp_path / "parts") == ["seed-00/002-first.json"]
    assert list((tmp_path / "parts" / "work").glob("*/checkpoint.pt")), "the training that was stopped"
    assert not (tmp_path / "parts" / "result.json").exists()

    monkeypatch.setattr(engine.Training, "_one_step", lambda self: (steps.__setitem__("done", steps["done"] + 1), one_step(self))[1])
    steps["done"] = 0
    answer = gliolabel(*arguments, tmp_path / "parts")
    assert answer.code == 0, answer.err
    assert steps["done"] < 4 * 12, "neither the first training nor the first steps of the second are repeated"
    found, expected = (json.loads((tmp_path / name / "result.json").read_text()) for name in ("parts", "whole"))
    assert found["found"]["curves"] == expected["found"]["curves"]


def test_a_folder_of_volumes_works_too(gliolabel: Callable, tiny: Path, tmp_path: Path) -> None:
    write_phantom_folder(tmp_path / "brats", cases=5, shape=(16, 32, 32))
    recipe = tmp_path / "volumes.yaml"
    recipe.write_text(tiny.read_text().replace("layout: lgg", "layout: brats"))
    answer = gliolabel(
        "benchmark", "--selection", "--studies", tmp_path / "brats", "--model", recipe, "--output", tmp_path / "study",
        "--budgets", "1,2", "--seeds", "1", "--json",
    )  # fmt: skip
    assert answer.code == 0, answer.err
    result = json.loads(answer.out)
    assert (result["data"]["cases"], result["data"]["locked"], result["data"]["slices"]) == (5, 1, 5 * 16)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--output", "OUT"], "needs --studies DIR"),
        (["--studies", "SLICES"], "needs --studies DIR"),
        (["--studies", "SLICES", "--output", "OUT", "--budgets", "four"], "--budgets four: expected numbers"),
        (["--studies", "SLICES", "--output", "OUT", "--budgets", "4"], "two or more ascending"),
        (["--studies", "SLICES", "--output", "OUT", "--budgets", "4,8"], "no budget above what is left"),
        (["--studies", "OUT/none", "--output", "OUT"], "there is no such folder"),
        (["--studies", "SLICES", "--output", "OUT", "--model", "unet3d"], "sampling.kind patches, expected slice and whole"),
        (["--studies", "SLICES", "--output", "OUT", "--model", "patsatzi2023_unet2d_lgg"], "network.dropout 0"),
        (["--studies", "SLICES", "--output", "OUT", "--model", "a", "--model", "b"], "takes one recipe"),
    ],
)
def test_what_cannot_be_used_is_said(gliolabel: Callable, slices: Path, tmp_path: Path, options: list[str], words: str) -> None:
    filled = [option.replace("OUT", str(tmp_path / "out")).replace("SLICES", str(slices)) for option in options]
    answer = gliolabel("benchmark", "--selection", *filled)
    assert answer.code == 2
    assert words in answer.err
    assert not (tmp_path / "out" / "result.json").exists()


def test_the_recipe_is_the_one_that_docs_speak_of() -> None:
    recipe = load_recipe("selection_unet2d_lgg")
    assert any(recipe.network.dropout)
    assert recipe.data.split.take == ()


@pytest.mark.slow
def test_real_slices(gliolabel: Callable, brats_folder: Path, tiny: Path, tmp_path: Path) -> None:
    """One tiny study on the real set."""
    folder = brats_folder.parent / "lgg"
    if not folder.is_dir():
        pytest.skip(f"no real slices at {folder}")
    answer = gliolabel(
        "benchmark", "--selection", "--studies", folder, "--model", tiny, "--output", tmp_path / "study", "--budgets", BUDGETS,
        "--seeds", "1", "--json",
    )  # fmt: skip
    assert answer.code == 0, answer.err
    result = json.loads(answer.out)
    assert (result["data"]["patients"], result["data"]["locked"], result["data"]["pool"]) == (24, 6, 18)
    assert (result["data"]["slices"], result["data"]["tumour_slices"]) == (848, 285)
    assert all(0 <= value <= 1 for one in result["trainings"] for value in one["dice"].values())
