"""The product models are trained as their published weights were: the same draws, losses and running mean for the same seed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from gliolabel.inference.precision import Precision
from gliolabel.recipes import load_recipe
from gliolabel.studies import open_studies
from gliolabel.training import engine
from gliolabel.training.cache import Cache
from gliolabel.training.data import patch_data


def test_losses_and_running_mean_are_those_of_the_first_release(
    phantom_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The numbers are of the loop, and of the recipe of that time, that trained the first starter weights."""
    monkeypatch.setattr(engine, "best_precision", lambda device: Precision(device, torch.float32))
    changes = ["network.channels=[4, 8]", "network.dropout=[0.1]", "sampling.patch=[16, 16, 16]", "sampling.batch_size=2"]
    then = ["network.norm=instance", "sampling.tumour_share=0.75", "augmentation.zoom=[0.85, 1.2]", "augmentation.unenhanced_share=0"]
    then += ["optimiser.mean_decay=0.998", "schedule.warmup_share=0.15"]
    recipe = load_recipe("unet3d", [*changes, *then, "optimiser.learning_rate=0.01"])
    cases = list(open_studies(phantom_folder))[:2]
    data = patch_data(recipe, cases, held_out=[], cache=Cache(tmp_path / "cache"))
    training = engine.Training(recipe, data.source, folder=tmp_path, steps=6)
    mean = training.run()
    expected = [2.3271148204803467, 2.0918407440185547, 2.0508430004119873, 2.02805233001709, 1.969852089881897, 1.9962350130081177]
    assert training.losses == pytest.approx(expected, rel=1e-3)
    assert sum(float(tensor.double().abs().sum()) for tensor in mean.values()) == pytest.approx(549.658489470919, rel=1e-4)
