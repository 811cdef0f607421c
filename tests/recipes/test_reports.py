"""The five reports' recipes: what their files say, and that every variant is a network that can be built."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
import yaml

from gliolabel.recipes import Recipe, build_network, list_recipes, load_recipe
from gliolabel.recipes.building import count_parameters
from gliolabel.recipes.loading import recipe_text

REPORTS = {
    "000": "patsatzi2023_unet2d_lgg",
    "001": "topcu2023_unet3d_brats21",
    "002": "keller_unet2d_brats20",
    "003": "jonsson2023_resunet2d_brats19",
    "004": "lgg_encoders",
}
EVERY = [(name, variant) for name in list_recipes() for variant in (None, *load_recipe(name).variants)]

#: Trainable and static parameters, by hand for the U-Nets: convolutions k^d * in * out + out, batch norm 2 * channels each way.
UNET2D = {"batch": (31_043_521, 11_776)}
COUNTS = {
    ("patsatzi2023_unet2d_lgg", None): UNET2D["batch"],
    ("patsatzi2023_unet2d_lgg", "flair_only"): (31_043_521 - 2 * 9 * 64, 11_776),
    ("topcu2023_unet3d_brats21", None): (22_577_156, 0),
    ("topcu2023_unet3d_brats21", "batch_norm"): (22_577_156 + 4 * 1472, 4 * 1472),
    ("keller_unet2d_brats20", None): (7_759_908, 0),
    ("keller_unet2d_brats20", "prelu"): (7_759_908 + 2 * 1472 + 480, 0),
    ("keller_unet2d_brats20", "batch_norm"): (7_759_908 + 4 * 1472, 4 * 1472),
    ("keller_unet2d_brats20", "instance_norm"): (7_759_908 + 4 * 1472, 0),
    ("jonsson2023_resunet2d_brats19", None): (6_854_609, 9_824),
    ("lgg_encoders", None): UNET2D["batch"],
    ("lgg_encoders", "vgg16"): (25_858_497, 3_840),
    ("lgg_encoders", "resnet50"): (32_109_681, 55_104),
    ("lgg_encoders", "resnet50_frozen"): (32_109_681 - 225_344, 55_104 + 225_344),
}


def load(name: str, variant: str | None) -> Recipe:
    return load_recipe(name, [variant] if variant else [])


def test_there_is_one_recipe_for_each_report() -> None:
    assert {load_recipe(name).report: name for name in list_recipes() if load_recipe(name).report} == REPORTS


@pytest.mark.parametrize(("name", "variant"), EVERY)
def test_every_recipe_and_variant_loads_and_builds(name: str, variant: str | None) -> None:
    recipe = load(name, variant)
    with torch.device("meta"):  # shapes without the arithmetic
        network = build_network(recipe.network, pretrained=False)
        out = network(torch.zeros(2, recipe.network.in_channels, *recipe.sampling.patch))
    assert out.shape == (2, recipe.network.out_channels, *recipe.sampling.patch)
    assert all(edge % network.divisor == 0 for edge in recipe.sampling.patch)


@pytest.mark.parametrize(("name", "variant"), EVERY)
def test_yaml_round_trip(name: str, variant: str | None, tmp_path: Path) -> None:
    recipe = load(name, variant)
    file = tmp_path / "again.yaml"
    file.write_text(yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False), encoding="utf-8")
    assert load_recipe(file) == recipe


@pytest.mark.parametrize(("which", "expected"), COUNTS.items())
def test_parameter_counts(which: tuple[str, str | None], expected: tuple[int, int]) -> None:
    assert count_parameters(load(*which).network) == expected


@pytest.mark.parametrize("name", [name for name, variant in COUNTS if variant is None])
def test_counts_without_memory_are_those_of_the_network_itself(name: str) -> None:
    section = load_recipe(name).network
    network = build_network(section)
    assert count_parameters(section)[0] == sum(p.numel() for p in network.parameters() if p.requires_grad)


def test_variants_differ_from_their_recipe_unless_they_say_so() -> None:
    for name, variant in EVERY:
        if variant is None:
            continue
        recipe, changed = load(name, None), load(name, variant)
        same = recipe.model_dump() == changed.model_dump()
        only_after_another = "set after" in recipe.variants[variant].title
        assert same == ("recipe itself" in recipe.variants[variant].title or only_after_another), (name, variant)


def sizes(recipe: Recipe, total: int) -> list[int]:
    """What each part of the split takes, and what is left for training."""
    taken = []
    for part in recipe.data.split.take:
        taken.append(math.ceil(part.share * total))
        total -= taken[-1]
    return [*taken, total]


@pytest.mark.parametrize(
    ("name", "total", "expected"),
    [
        ("topcu2023_unet3d_brats21", 120, [20, 100]),
        ("keller_unet2d_brats20", 369, [74, 45, 250]),
        ("jonsson2023_resunet2d_brats19", 9_920, [960, 960, 8_000]),
        ("lgg_encoders", 3_929, [393, 708, 2_828]),
    ],
)
def test_splits_give_the_reports_counts(name: str, total: int, expected: list[int]) -> None:
    assert sizes(load_recipe(name), total) == expected


def test_report_000s_split_is_72_8_20() -> None:
    test, validation, training = sizes(load_recipe("patsatzi2023_unet2d_lgg"), 3_879)
    assert [round(100 * part / 3_879) for part in (training, validation, test)] == [72, 8, 20]


def test_report_000s_losses_and_rates_can_be_combined() -> None:
    for loss, weights in {"weighted_bce": (1, 0, True), "dice": (0, 1, False), "combined": (1, 1, True)}.items():
        for rate, (value, epochs) in {"5e-5": (5e-5, 70), "1e-4": (1e-4, 50), "5e-4": (5e-4, 50)}.items():
            recipe = load_recipe("patsatzi2023_unet2d_lgg", [loss, f"learning_rate_{rate}"])
            assert (recipe.loss.cross_entropy, recipe.loss.dice, recipe.loss.border) == weights
            assert (recipe.optimiser.learning_rate, recipe.epochs) == (value, epochs)


def test_report_001s_tables() -> None:
    name = "topcu2023_unet3d_brats21"
    alphas = {"cross_entropy": 0, "dice": 1, "combined_0.25": 0.25, "combined_0.5": 0.5, "combined_0.75": 0.75}
    assert {variant: load(name, variant).loss.alpha for variant in alphas} == alphas
    kinds = ("constant", "step_decay", "warmup_cosine")
    assert [load(name, variant).schedule.kind for variant in kinds] == list(kinds)
    brightness = load(name, "brightness").augmentation
    assert (brightness.kind, brightness.alpha, brightness.gamma) == ("brightness", (0.8, 1.2), (0.8, 1.2))
    rows = {
        variant: (r.data.split.training_at_most, r.augmentation.kind, r.epochs, r.loss.alpha)
        for variant in ("table1_50", "table1_50_brightness", "table1_100", "table1_100_brightness")
        for r in [load(name, variant)]
    }
    assert list(rows.values()) == [(50, "none", 79, 0), (50, "brightness", 79, 0), (100, "none", 79, 0), (100, "brightness", 79, 0)]


def test_report_002s_switches() -> None:
    name = "keller_unet2d_brats20"
    assert load(name, "prelu").network.activation == "prelu"
    assert load(name, "dropout_every_level").network.dropout_place == "between"
    assert load(name, "batch_norm").network.norm == "batch"
    assert load(name, None).loss.alpha == 0.0


def test_report_003s_table_3() -> None:
    recipe = load(REPORTS["003"], None)
    loss = recipe.loss
    assert (recipe.optimiser.learning_rate, recipe.optimiser.weight_decay, recipe.sampling.batch_size, recipe.epochs) == (0.01, 0, 64, 40)
    assert (loss.focal, loss.dice, loss.alpha, loss.gamma, recipe.network.dropout) == (0.8, 0.2, 0.25, 1.0, (0.1,))
    assert (recipe.schedule.factor, recipe.schedule.patience, recipe.stopping.patience) == (0.5, 2, 5)


def test_report_004s_models_can_start_from_random_weights() -> None:
    for model in ("vgg16", "resnet50", "resnet50_frozen"):
        assert load("lgg_encoders", model).network.pretrained is True
        assert load_recipe("lgg_encoders", [model, "from_scratch"]).network.pretrained is False
    assert load("lgg_encoders", "resnet50_frozen").network.frozen_blocks == 2
    back = load_recipe("lgg_encoders", ["resnet50_frozen", "plain"])
    assert back.network == load("lgg_encoders", None).network


@pytest.mark.parametrize("name", REPORTS.values())
def test_every_setting_has_its_source_beside_it(name: str) -> None:
    settings = recipe_text(name).partition("\nvariants:")[0].partition("\ndata:")[2].splitlines()
    bare = [line for line in settings if line.partition(":")[2].strip() and "#" not in line]
    assert bare == []
    assert len(settings) > 40
