"""Change a 3-D U-Net's instance normalisation into batch normalisation, as a start for a training that goes on.

    python docs/model-cards/to_batch_norm.py WEIGHTS OUT --studies DIR --version NAME [--set KEY=VALUE ...]

Instance normalisation takes every case's own brightness out of the features, and with it what tells a tumour that enhances from one that
does not. Every weight stays; the running statistics are the mean over batches of the training cases, drawn with the settings given.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
from torch import nn

from gliolabel.inference.precision import best_precision
from gliolabel.recipes import ModelVersion, build_network, load_recipe, save_model_version
from gliolabel.studies import open_studies
from gliolabel.training.batches import PatchSource
from gliolabel.training.cases import load_training_cases

#: Batches of four blocks; the statistics hardly move after the first few.
_BATCHES = 12
_SEED = 5


def main() -> int:
    """Write the converted weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument(
        "--studies", type=Path, required=True, help="folder with the cases that the weights were trained on; no other is read"
    )
    parser.add_argument("--set", action="append", default=[], help="a setting of the recipe, as for `gliolabel train`")
    parser.add_argument("--version", required=True, help="what the result is called")
    options = parser.parse_args()
    before = ModelVersion.load(options.weights)
    recipe = load_recipe(before.recipe.name, ["network.norm=batch", *options.set])
    network = build_network(recipe.network)
    absent, unknown = network.load_state_dict(before.build().state_dict(), strict=False)
    assert not unknown, unknown
    assert all(name.rpartition(".")[2].startswith(("running_", "num_batches")) for name in absent), absent
    studies = open_studies(options.studies)
    cases = load_training_cases([studies.get(name) for name in before.metadata["trained_on"]])
    source = PatchSource(cases, sampling=recipe.sampling, augmentation=recipe.augmentation, seed=_SEED)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm3d):
            module.momentum = None  # the mean of all batches
    network.to(memory_format=torch.channels_last_3d).train()
    with torch.no_grad(), best_precision(torch.device("cpu")).autocast():
        for step in range(_BATCHES):
            network(source.batch(step).images.to(memory_format=torch.channels_last_3d))
    saved = save_model_version(
        options.out, network.state_dict(), name=before.name, version=options.version, recipe=recipe, metadata=before.metadata
    )
    print(saved.path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
