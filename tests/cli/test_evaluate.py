"""``gliolabel evaluate``: the whole command; the network's part is taken by a predictor that knows the truth, or by the starter weights."""

from __future__ import annotations

import csv
import dataclasses
import importlib.util
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gliolabel.recipes import ModelVersion, load_recipe
from gliolabel.registry import Registry
from gliolabel.studies import open_studies
from gliolabel.vocabulary import MODELS


@pytest.fixture
def predicted(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Replaces the networks: unet3d is perfect, resunet2d grows every tumour; the predictors that were opened."""
    spec = importlib.util.spec_from_file_location("grown", Path(__file__).parents[1] / "evaluation" / "grown.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    opened: list[Any] = []

    def open_predictor(version: ModelVersion, *, device: str | None = None) -> Any:
        opened.append(module.GrownTruth(version, voxels=0 if version.name == "unet3d" else 1))
        return opened[-1]

    monkeypatch.setattr("gliolabel.evaluation.predictors.open_predictor", open_predictor)
    return opened


def unet3d() -> str:
    """The shipped version, as tables call it."""
    return f"unet3d {Registry().champion('unet3d').version}"


def test_two_models(gliolabel: Callable, predicted: list[Any], phantom_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    answer = gliolabel("evaluate", "--studies", phantom_folder, "--output", out, "--model", "unet3d", "--model", "resunet2d")
    assert answer.code == 0, answer.err
    assert "3 of 3 cases tested" in answer.out
    assert "not a medical device" in answer.out
    assert {path.name for path in out.iterdir()} == {"cases", "report.html", "results.csv", "results.json"}
    rows = list(csv.DictReader((out / "results.csv").open()))
    assert {row["dice"] for row in rows if row["model"] == "unet3d"} == {"1.0"}
    assert all(float(row["dice"]) < 1 for row in rows if (row["model"], row["region"]) == ("resunet2d", "WT"))
    assert json.loads((out / "results.json").read_text())["failed"] == {}
    again = gliolabel("evaluate", "--studies", phantom_folder, "--output", out, "--model", "unet3d", "--model", "resunet2d", "--json")
    assert json.loads(again.out)["summary"][unet3d()]["WT"]["dice"]["mean"] == 1.0
    assert [len(predictor.predicted) for predictor in predicted] == [3, 3, 0, 0]


def test_cases_of_a_split(gliolabel: Callable, predicted: list[Any], phantom_folder: Path, tmp_path: Path) -> None:
    ids = open_studies(phantom_folder).ids
    split = tmp_path / "split.json"
    split.write_text(json.dumps({"train": [ids[0]], "test": list(ids[1:])}))
    folders = ("--studies", phantom_folder, "--output", tmp_path / "out")
    assert gliolabel("evaluate", *folders, "--splits", split).code == 0
    assert predicted[0].predicted == list(ids[1:])
    assert gliolabel("evaluate", *folders, "--splits", split, "--case", ids[2]).code == 0
    outside = gliolabel("evaluate", *folders, "--splits", split, "--case", ids[0])
    assert (outside.code, "not in the part test" in outside.err) == (2, True)
    split.write_text(json.dumps({"test": ["elsewhere"]}))
    assert "1 cases of test are not in" in gliolabel("evaluate", *folders, "--splits", split).err


def test_training_cases_are_refused(
    gliolabel: Callable, predicted: list[Any], phantom_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = next(iter(open_studies(phantom_folder)))
    seen = dataclasses.replace(Registry().champion("unet3d"), metadata={"trained_on": {first.id: {}}})
    monkeypatch.setattr("gliolabel.cli.evaluate.choose_model", lambda name: seen)
    folders = ("--studies", phantom_folder, "--output", tmp_path / "out")
    answer = gliolabel("evaluate", *folders)
    assert answer.code == 2
    assert f"was trained on 1 of the 3 cases ({first.id})" in answer.err
    assert not (tmp_path / "out").exists()
    allowed = gliolabel("evaluate", *folders, "--allow-training-cases")
    assert allowed.code == 0
    assert "TRAINING CASES AMONG THEM" in allowed.out
    assert "Training cases are among these" in (tmp_path / "out" / "report.html").read_text()


def test_a_damaged_case_is_named_and_the_others_go_on(
    gliolabel: Callable, predicted: list[Any], phantom_folder: Path, tmp_path: Path
) -> None:
    studies = tmp_path / "studies"
    shutil.copytree(phantom_folder, studies)
    damaged = open_studies(studies).get(open_studies(studies).ids[1])
    file = damaged.sequences["t2"].path
    file.write_bytes(file.read_bytes()[:2000])
    answer = gliolabel("evaluate", "--studies", studies, "--output", tmp_path / "out")
    assert answer.code == 1
    assert file.name in answer.err
    assert "2 of 3 cases tested" in answer.out
    assert "Traceback" not in answer.err
    assert file.name in (tmp_path / "out" / "report.html").read_text()


def test_bad_input(gliolabel: Callable, predicted: list[Any], phantom_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"

    def refused(*arguments: str | Path) -> str:
        answer = gliolabel("evaluate", *arguments)
        assert answer.code == 2, answer.err
        assert "Traceback" not in answer.err
        return answer.err

    assert "no such folder" in refused("--studies", tmp_path / "none", "--output", out)
    (tmp_path / "file").write_text("")
    assert "is a file" in refused("--studies", phantom_folder, "--output", tmp_path / "file")
    (tmp_path / "empty").mkdir()
    assert "no labelled case" in refused("--studies", tmp_path / "empty", "--output", out)
    folders = ("--studies", phantom_folder, "--output", out)
    assert "no-such-case" in refused(*folders, "--case", "no-such-case")
    slices = dataclasses.replace(Registry().champion("unet3d"), recipe=load_recipe("patsatzi2023_unet2d_lgg", []), name="lgg")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gliolabel.cli.evaluate.choose_model", lambda name: slices if name == "lgg" else Registry().champion(name))
        assert "Test them apart" in refused(*folders, "--model", "unet3d", "--model", "lgg")
        assert "holds no slices" in refused(*folders, "--model", "lgg")
    assert "named twice" in refused(*folders, "--model", "unet3d", "--model", "unet3d")
    assert "--device typo" in refused(*folders, "--device", "typo")
    refused(*folders, "--model", tmp_path / "missing.safetensors")
    refused(*folders, "--splits", tmp_path / "missing.json")
    assert not out.exists()


def test_unlabelled_cases_are_passed_over(gliolabel: Callable, predicted: list[Any], phantom_folder: Path, tmp_path: Path) -> None:
    studies = tmp_path / "studies"
    shutil.copytree(phantom_folder, studies)
    bare = next(iter(open_studies(studies)))
    assert bare.label is not None
    bare.label.path.unlink()
    answer = gliolabel("evaluate", "--studies", studies, "--output", tmp_path / "out")
    assert answer.code == 0
    assert f"1 of 3 cases have no label and are passed over: {bare.id}" in answer.err
    named = gliolabel("evaluate", "--studies", studies, "--report", tmp_path / "out", "--case", bare.id)
    assert (named.code, "has no label" in named.err) == (2, True)


@pytest.mark.slow
def test_the_starter_models_on_a_phantom(gliolabel: Callable, phantom_folder: Path, tmp_path: Path) -> None:
    models = ("--model", "unet3d", "--model", "resunet2d", "--case", open_studies(phantom_folder).ids[0])
    answer = gliolabel("evaluate", "--studies", phantom_folder, "--output", tmp_path, *models, "--device", "cpu")
    assert answer.code == 0, answer.err
    content = json.loads((tmp_path / "results.json").read_text())
    for label in (f"{name} {Registry().champion(name).version}" for name in MODELS):
        # They never saw a phantom, and find its tumour all the same.
        assert content["summary"][label]["WT"]["dice"]["mean"] > 0.5
        assert 0 <= content["summary"][label]["classes"]["score"]["mean"] <= 1
    assert content["trained_on_tested_cases"] == {}
    assert [model["weights_sha256"] for model in content["models"]] == [Registry().champion(n).sha256() for n in ("unet3d", "resunet2d")]


@pytest.mark.slow
def test_a_starter_model_on_real_cases(gliolabel: Callable, brats_folder: Path, tmp_path: Path) -> None:
    # The starter models were trained on these: only with the flag, and the page says so.
    ids = open_studies(brats_folder).ids[:2]
    arguments = ("evaluate", "--studies", brats_folder, "--output", tmp_path, "--case", ids[0], "--case", ids[1], "--model", "unet3d")
    assert gliolabel(*arguments).code == 2
    answer = gliolabel(*arguments, "--allow-training-cases", "--device", "cpu")
    assert answer.code == 0, answer.err
    content = json.loads((tmp_path / "results.json").read_text())
    assert content["trained_on_tested_cases"] == {unet3d(): list(ids)}
    assert content["summary"][unet3d()]["WT"]["dice"]["mean"] > 0.7
    assert "was trained on 2 of the 2 cases" in (tmp_path / "report.html").read_text()
