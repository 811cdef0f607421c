"""Renewing the temperatures of the package's versions: nothing else of a weights file may change."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors.torch import load_file

from gliolabel.recipes import ModelVersion
from gliolabel.registry import Registry

CARDS = Path(__file__).parents[2] / "docs" / "model-cards"


@pytest.fixture
def make_starter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The script, with the package's weights and the fold tables in folders of the test."""
    monkeypatch.syspath_prepend(str(CARDS))
    spec = importlib.util.spec_from_file_location("make_starter", CARDS / "make_starter.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    shutil.copytree(CARDS / "folds", tmp_path / "folds")
    shutil.copy(Registry().champion("unet3d").path, tmp_path / "unet3d.safetensors")
    monkeypatch.setattr(module, "starter_folder", lambda: tmp_path)
    monkeypatch.setattr(sys.modules["make_cards"], "HERE", tmp_path)
    yield module
    sys.modules.pop("make_cards", None)


def test_the_package_has_the_temperatures_of_its_folds(make_starter: ModuleType) -> None:
    for name in ("unet3d", "resunet2d"):
        assert Registry().champion(name).calibration == make_starter.pooled_calibration(name)


def test_another_fold_changes_the_temperatures_alone(make_starter: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "unet3d.safetensors"
    before, weights = ModelVersion.load(path), load_file(path)
    make_starter.recalibrate(before)
    assert ModelVersion.load(path).sha256() == Registry().champion("unet3d").sha256()  # nothing new, nothing written

    table = json.loads((tmp_path / "folds" / "unet3d-fold0.json").read_text())
    table["cases"] = {"another": next(iter(table["cases"].values()))}
    # A fold that is too sure everywhere: half of every bin is no tumour.
    table["reliability"] = {r: {"total": c["total"], "positive": [n // 2 for n in c["total"]]} for r, c in table["reliability"].items()}
    (tmp_path / "folds" / "unet3d-fold9.json").write_text(json.dumps(table))
    make_starter.recalibrate(before)
    after = ModelVersion.load(path)
    assert before.calibration is not None
    assert after.calibration is not None
    assert after.calibration["cases"] == before.calibration["cases"] + 1
    assert all(after.calibration["temperature"][r] > t for r, t in before.calibration["temperature"].items())
    assert (after.name, after.version, after.recipe, after.metadata) == (before.name, before.version, before.recipe, before.metadata)
    again = load_file(path)
    assert again.keys() == weights.keys()
    assert all(again[name].dtype == tensor.dtype and torch.equal(again[name], tensor) for name, tensor in weights.items())


@pytest.mark.parametrize(
    ("trained_on", "said"),
    [
        (["c"], "the weights never saw these cases"),
        (["b", "c"], "The model of fold 0 is the one in the package"),
        (["a", "b"], "The weights in the package saw these cases too"),
    ],
)
def test_a_card_says_what_the_held_out_cases_are_to_the_package(make_starter: ModuleType, trained_on: list[str], said: str) -> None:
    folds = {"0": {"cases": {"a": {}}}, "1": {"cases": {"b": {}}}}
    assert said in sys.modules["make_cards"].held_out_cases_are(folds, trained_on)


@pytest.mark.parametrize("path", sorted((CARDS / "held-out").glob("*.safetensors")), ids=lambda path: path.stem)
def test_kept_weights_never_saw_the_cases_of_their_table(path: Path) -> None:
    kept, table = ModelVersion.load(path), json.loads((CARDS / "folds" / f"{path.stem}.json").read_text())
    assert set(kept.metadata["held_out"]) == set(table["cases"])
    assert not set(kept.metadata["trained_on"]) & set(table["cases"])
    card = (CARDS / f"{kept.name}.md").read_text()
    assert kept.sha256() in card
