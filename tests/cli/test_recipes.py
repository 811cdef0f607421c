"""``gliolabel recipes``: every recipe and variant with its exact size, for people and for machines."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gliolabel.recipes import build_network, list_recipes, load_recipe


def test_json_lists_every_recipe_and_variant_with_its_size(gliolabel: Callable) -> None:
    rows = json.loads(gliolabel("recipes", "--json").out)
    assert [row["name"] for row in rows] == list_recipes()
    by_name = {row["name"]: row for row in rows}
    for name in list_recipes():
        assert [variant["name"] for variant in by_name[name]["variants"]] == list(load_recipe(name).variants)
    # Report 003 counts 6,854,609 for one output channel; four take 3 x 17 more (16 weights and a bias each).
    assert by_name["resunet2d"]["trainable_parameters"] == 6_854_609 + 3 * 17
    assert by_name["resunet2d"]["static_parameters"] == 9_824
    encoders = {v["name"]: (v["trainable_parameters"], v["static_parameters"]) for v in by_name["lgg_encoders"]["variants"]}
    assert encoders["resnet50"] == (32_109_681, 55_104)
    assert encoders["resnet50_frozen"] == (31_884_337, 280_448)
    frozen = build_network(load_recipe("lgg_encoders", ["resnet50_frozen", "from_scratch"]).network)
    assert sum(p.numel() for p in frozen.parameters() if p.requires_grad) == encoders["resnet50_frozen"][0]


def test_json_says_what_is_trained_and_how_long(gliolabel: Callable) -> None:
    rows = {row["name"]: row for row in json.loads(gliolabel("recipes", "--json").out)}
    topcu = rows["topcu2023_unet3d_brats21"]
    assert (topcu["report"], topcu["network"], topcu["input"]) == ("001", "3-D U-Net", "3 x 128 x 128 x 128")
    assert (topcu["epochs"], topcu["steps"], topcu["loss"]) == (40, None, "0.5 Dice of all classes + 0.5 cross-entropy")
    variants = {variant["name"]: variant for variant in topcu["variants"]}
    assert variants["cross_entropy"]["loss"] == "cross-entropy"
    assert variants["table1_50"]["epochs"] == 79
    assert variants["brightness"]["set"]["augmentation.kind"] == "brightness"
    assert rows["unet3d"]["report"] is None
    assert rows["jonsson2023_resunet2d_brats19"]["loss"] == "0.8 focal (standard) + 0.2 Dice (1 - D) of the batch"
    losses = {v["name"]: v["loss"] for v in rows["patsatzi2023_unet2d_lgg"]["variants"]}
    assert losses["weighted_bce"] == "cross-entropy weighted by classes and borders"
    assert losses["dice"] == "Dice of each sample"


def test_the_table_fits_a_terminal_and_names_everything(gliolabel: Callable) -> None:
    text = gliolabel("recipes").out
    assert max(len(line) for line in text.splitlines()) <= 100
    for name in list_recipes():
        assert f"\n{name} " in text
        assert all(f"\n  {variant} " in text for variant in load_recipe(name).variants)
    for part in ("6,854,660", "22,577,156", "2,200 steps", "report 004; Dice of the batch", "3-D U-Net"):
        assert part in text


@pytest.mark.parametrize("name", list_recipes())
def test_one_recipe_in_words(gliolabel: Callable, name: str) -> None:
    text = gliolabel("recipes", name).out
    recipe = load_recipe(name)
    lines = text.splitlines()
    assert lines[0] == f"{name}: {recipe.title}"
    assert max(len(line) for line in lines if not line.startswith("file")) <= 100
    path = next(line.split()[1] for line in lines if line.startswith("file"))
    assert Path(path).read_text(encoding="utf-8").startswith(("#", f"name: {name}"))
    for variant in recipe.variants:
        assert any(line.startswith(f"{variant} ") for line in lines)
    assert ("Variants (--set NAME)" in text) is bool(recipe.variants)


def test_one_recipe_for_machines_is_its_file(gliolabel: Callable) -> None:
    shown = json.loads(gliolabel("recipes", "keller_unet2d_brats20", "--json").out)
    assert shown["recipe"] == load_recipe("keller_unet2d_brats20").model_dump(mode="json")
    prelu = next(variant for variant in shown["variants"] if variant["name"] == "prelu")
    assert prelu["trainable_parameters"] - shown["trainable_parameters"] == 2 * (32 + 64 + 128 + 256 + 512) + 480 * 3


def test_a_file_of_ones_own(gliolabel: Callable, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "name: mine\ntitle: My own\nsource: me\nsteps: 5\nnetwork: {kind: unet, channels: [4, 8]}\n"
        "sampling: {kind: whole, patch: [64, 64], batch_size: 2}\nloss: {kind: multilabel, alpha: 1}\noptimiser: {learning_rate: 0.1}\n"
        "variants:\n  wide: {title: twice as wide, set: {network.channels: [8, 16]}}\n"
    )
    text = gliolabel("recipes", str(file)).out
    assert "mine: My own" in text
    assert str(file) in text
    assert "wide " in text


def test_unknown_names_list_what_there_is(gliolabel: Callable) -> None:
    answer = gliolabel("recipes", "no-such")
    assert answer.code == 2
    assert "unet3d" in answer.err
