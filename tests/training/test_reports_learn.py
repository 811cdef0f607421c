"""Every report's recipe, at a reduced size, trains two epochs on real data, and its loss falls."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gliolabel.cli import main

#: Recipe, layout of the data, and what is reduced: channels, and slices; networks, losses and augmentations are those of the reports.
REPORTS = [
    (
        "patsatzi2023_unet2d_lgg",
        "lgg",
        [
            "network.channels=[8, 16, 32, 64, 128]",
            "preprocessing.0.size=[64, 64]",
            "sampling.patch=[64, 64]",
            "optimiser.learning_rate=0.001",
        ],
    ),
    ("topcu2023_unet3d_brats21", "brats", ["network.channels=[4, 8, 16, 32, 64]", "sampling.steps_per_epoch=10"]),
    ("keller_unet2d_brats20", "brats", ["network.channels=[8, 16, 32, 64, 128]", "data.slices=[60, 90]"]),
    ("jonsson2023_resunet2d_brats19", "brats", ["data.slices=[50, 110]"]),
    (
        "lgg_encoders",
        "lgg",
        ["plain", "preprocessing=[{kind: divide, by: 255.0}, {kind: resize, size: [64, 64]}]", "sampling.patch=[64, 64]"],
    ),
]


@pytest.mark.nightly
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("recipe", "layout", "changes"), REPORTS, ids=[name for name, *_ in REPORTS])
def test_two_epochs_lower_the_loss(recipe: str, layout: str, changes: list[str], brats_folder: Path, tmp_path: Path) -> None:
    studies = brats_folder.with_name(layout)
    if not studies.is_dir():
        pytest.skip(f"no real slices at {studies} (set GLIOLABEL_TEST_DATA)")
    options = ["--recipe", recipe, "--studies", str(studies), "--output", str(tmp_path), "--epochs", "2", *(f"--set={c}" for c in changes)]
    with pytest.raises(SystemExit) as stop:
        main(["train", *options])
    assert not stop.value.code
    curves = json.loads((tmp_path / "curves.json").read_text())
    assert len(curves["loss"]) == 2
    assert curves["loss"][1] < curves["loss"][0]
