"""What a person reads when a recipe or a --set is wrong: file, key, value, what is allowed, and what they may have meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from gliolabel.errors import InputError, UnknownError
from gliolabel.recipes import load_recipe

BRATS21 = "topcu2023_unet3d_brats21"


def message(name: str | Path, *changes: str) -> str:
    with pytest.raises(InputError) as caught:
        load_recipe(name, changes)
    return str(caught.value)


def test_unknown_recipes_list_what_there_is_and_what_was_meant() -> None:
    with pytest.raises(UnknownError, match=r"'unet4d' is not known; there are: .*unet3d; .*did you mean unet3d\?"):
        load_recipe("unet4d")


def test_every_problem_of_a_file_in_one_message(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "name: mine\ntitle: t\nsource: s\nsteps: 0\nnetwork: {kind: unet, depht: 3, channels: [8, 0]}\n"
        "sampling: {kind: whole, patch: [64, 64], batch_size: 2}\nloss: {kind: multilabel, smoth: 1}\noptimizer: {learning_rate: 0.1}\n"
    )
    assert message(path).splitlines() == [
        f"recipe {path} cannot be used:",
        "  network.channels.1 = 0: expected a number of at least 1",
        "  network.depht = 3: there is no such key; here are: kind, in_channels, out_channels, spatial_dims, channels, norm, activation, "
        "dropout, dropout_place, dropout_of, up, initial, pretrained, frozen_blocks",
        "  loss.smoth = 1: kind multilabel has no such key; did you mean smooth? Here are: kind, alpha, smooth",
        "  optimiser: is missing",
        "  steps = 0: expected a number of at least 1",
        "  optimizer = {'learning_rate': 0.1}: there is no such key; did you mean optimiser? Here are: name, title, source, report, data, "
        "preprocessing, sampling, augmentation, network, loss, optimiser, schedule, stopping, keep, score, inference, steps, epochs, "
        "seed, variants",
    ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("optimiser.learning_rate=-1", "optimiser.learning_rate = -1: expected a number above 0"),
        ("optimiser.learning_rate=.inf", "optimiser.learning_rate = inf: expected a finite number"),
        ("loss.alpha=1.5", "loss.alpha = 1.5: expected a number from 0 to 1"),
        ("loss.kind=dise", "loss.kind = 'dise': expected one of regions, binary, multilabel, focal_dice"),
        ("loss.gamma=2", "loss.gamma = 2: kind multilabel has no such key; it belongs to kind focal_dice; here are: kind, alpha, smooth"),
        ("loss.alhpa=1", "loss.alhpa = 1: kind multilabel has no such key; did you mean alpha?"),
        ("network.norm=group", "network.norm = 'group': expected 'batch' or 'instance'"),
        ("network.dropout=[0.1, 2]", "network.dropout.1 = 2: expected a number from 0 to 1"),
        ("network.frozen_blocks=9", "network.frozen_blocks = 9: expected a number from 0 to 5"),
        ("preprocessing.0.per=scan", "preprocessing.0.per = 'scan': expected 'volume' or 'slice'"),
        ("preprocessing.0.pre=slice", "preprocessing.0.pre = 'slice': kind min_max has no such key; did you mean per? Here are: kind, per"),
        ("preprocessing.1.x=[184, 56]", "preprocessing.1.x = [184, 56]: a half-open range: the first number must be smaller"),
        ("preprocessing=[{kind: minmax}]", "preprocessing.0.kind = 'minmax': expected one of brain, min_max, divide_by_max"),
        ("preprocessing=[{per: slice}]", "preprocessing.0.kind: is missing; expected one of brain, min_max"),
        ("data.channels=[flair, t1c, t2]", "data.channels.1 = 't1c': expected 't1', 't1ce', 't2' or 'flair'"),
        ("data.split.take=[{role: tset, share: 2}]", "data.split.take.0.role = 'tset': expected 'validation' or 'test'"),
        ("data.split.take.0.share=2", "data.split.take.0.share = 2: expected a number from 0 to 1"),
        ("schedule=fast", "schedule = 'fast': expected a section, that is keys with values"),
        ("sampling.batch_size=two", "sampling.batch_size = 'two': expected a valid integer"),
        ("schedul.kind=constant", "schedul = {'kind': 'constant'}: there is no such key; did you mean schedule?"),
    ],
)
def test_changes_are_checked_like_files(change: str, expected: str) -> None:
    text = message(BRATS21, change)
    assert text.startswith(f"recipe {BRATS21}.yaml cannot be used:\n  {expected}"), text
    assert f"(changed by --set {change})" in text


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (["steps=5"], "steps = 5, epochs = 40: give one of them; set the other to null"),
        (["network.in_channels=4"], "data.channels names 3 channels, network.in_channels is 4"),
        (["loss.kind=binary"], "loss.kind binary needs network.out_channels 1"),
        (["loss.kind=binary", "network.out_channels=1"], "loss.kind binary needs data.target whole_tumour"),
        (["sampling.patch=[128, 128]"], "sampling.patch has 2 axes, network.spatial_dims is 3"),
        (
            ["sampling.patch=[128, 120, 128]"],
            "sampling.patch = [128, 120, 128]: the network halves its input again and again; expected mul",
        ),
        (["keep=mean"], "keep: mean and optimiser.mean_decay belong together"),
    ],
)
def test_sections_must_fit_together(changes: list[str], expected: str) -> None:
    assert expected in message(BRATS21, *changes)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            "network.pretrained=true",
            "network.pretrained = True: kind unet does not use this key; it uses in_channels, out_channels, dropout",
        ),
        ("network.dropout=[0.1, 0.2]", "network.dropout = [0.1, 0.2]: expected one rate, or 5, one for each level of network.channels"),
        ("network.dropout_place=bottleneck", "with dropout_place bottleneck one rate is expected"),
        ("network.channels=[]", "network.channels = []: a unet needs the channels of each level"),
    ],
)
def test_the_network_must_be_able_to_be_built(change: str, expected: str) -> None:
    text = message(BRATS21, change)
    assert text.startswith(f"recipe {BRATS21}.yaml cannot be used (with --set {change}):\n  ")
    assert expected in text


def test_unknown_variants_list_the_known_ones() -> None:
    text = message(BRATS21, "cross_entropie")
    assert "--set cross_entropie: expected section.key=value, e.g. optimiser.learning_rate=0.001, or the name of a variant" in text
    assert "its variants are: base_model, combined_loss, " in text
    assert text.endswith("did you mean cross_entropy?")
    assert message("unet3d", "faster").endswith("this recipe has no variants")
    assert "expected section.key=value" in message("unet3d", "=5")


def test_changes_that_lead_nowhere() -> None:
    assert "'7' is no place in a list of 2; expected 0 to 1" in message(BRATS21, "preprocessing.7.per=slice")
    assert "epochs is a value, not a section" in message(BRATS21, "epochs.first=2")
    assert "not valid YAML" in message(BRATS21, "network.channels=[1, 2")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [1, 2\n", "not valid YAML"),
        ("- 1\n", "holds list; expected sections such as network: and loss:"),
        ("", "holds NoneType"),
        ("steps: 1\nepochs: 2\nsteps: 3\n", "the key 'steps' stands here twice"),
    ],
)
def test_files_that_are_no_recipes(text: str, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    assert expected in message(path)
    assert str(path) in message(path)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes("name: Umeå".encode("latin-1"))
    assert "cannot be read as UTF-8 text" in message(tmp_path / "latin.yaml")
    assert "no such file" in message(tmp_path / "none.yaml")
    assert "no such file" in message(tmp_path)


def test_changes_apply_in_order_and_leave_the_recipe_alone() -> None:
    recipe = load_recipe("unet3d", ["sampling.patch=[128, 160, 128]", "optimiser.learning_rate=1e-4", "steps=10", "steps=20"])
    assert recipe.sampling.patch == (128, 160, 128)
    assert recipe.optimiser.learning_rate == 0.0001
    assert recipe.steps == 20
    assert load_recipe("unet3d").steps == 1200
    first = load_recipe("patsatzi2023_unet2d_lgg", ["divided_by_255", "preprocessing.1.by=100"])
    assert first.preprocessing[1].by == 100
    assert load_recipe("patsatzi2023_unet2d_lgg", ["divided_by_255"]).preprocessing[1].by == 255


def test_a_new_kind_drops_what_was_set_for_the_old_one() -> None:
    schedule = load_recipe(BRATS21, ["schedule.kind=step_decay"]).schedule
    assert schedule.model_dump() == {"kind": "step_decay", "factor": 0.5, "epochs": 10}
    assert load_recipe(BRATS21, ["schedule.kind=warmup_cosine"]) == load_recipe(BRATS21)
