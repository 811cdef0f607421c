"""Put trained weights into the package as the starter version, with the temperature of the folds that ran, and write the cards.

    python docs/model-cards/make_starter.py WEIGHTS [WEIGHTS ...] --version starter-1
    python docs/model-cards/make_starter.py --calibrate-only      # after another fold: the same weights and versions, with new temperatures
    python docs/model-cards/make_starter.py --masks-anew resunet2d --version starter-2      # the same weights, other masks

The last two leave every weight as it is, bit by bit; the SHA-256 of the file changes with its header, and the card with it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from make_cards import main as make_cards
from make_cards import pooled_reliability, read_folds
from safetensors.torch import load_file
from torch import Tensor

from gliolabel.recipes import ModelVersion, load_recipe, save_model_version
from gliolabel.registry import starter_folder
from gliolabel.vocabulary import REGIONS


def main() -> int:
    """Store each weights file in the package, or new temperatures in those that are there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", nargs="*", type=Path, help="files that `gliolabel train` wrote")
    parser.add_argument("--version", help="what the version is called, e.g. starter-1")
    parser.add_argument("--code-version", help="of the code that trained them, where that did not run in a clone, e.g. 0.1.0+g50a24a4")
    parser.add_argument("--calibrate-only", action="store_true", help="renew the temperatures of the package's versions")
    parser.add_argument(
        "--masks-anew", metavar="MODEL", help="take the recipe's inference section of today; other masks are another version"
    )
    options = parser.parse_args()
    if sum(map(bool, (options.weights, options.calibrate_only, options.masks_anew))) != 1 or options.calibrate_only == bool(
        options.version
    ):
        parser.error("give WEIGHTS and --version, --masks-anew MODEL and --version, or --calibrate-only alone")
    for path in options.weights:
        trained = ModelVersion.load(path)
        metadata = {**trained.metadata, **({"code_version": options.code_version} if options.code_version else {})}
        store(trained, trained.build().state_dict(), version=options.version, metadata=metadata)
    if options.calibrate_only:
        for path in sorted(starter_folder().glob("*.safetensors")):
            recalibrate(ModelVersion.load(path))
    if options.masks_anew:
        there = ModelVersion.load(starter_folder() / f"{options.masks_anew}.safetensors")
        recipe = there.recipe.model_copy(update={"inference": load_recipe(there.recipe.name).inference})
        store(replace(there, recipe=recipe), load_file(there.path), version=options.version, metadata=there.metadata)
    sys.argv = sys.argv[:1]
    return make_cards()


def recalibrate(model: ModelVersion) -> None:
    """Store a version of the package again, with the temperatures of the folds that are there now."""
    if pooled_calibration(model.name) == model.calibration:
        print(f"{model.path}: its temperatures are those of the folds already")
        return
    store(model, load_file(model.path), version=model.version, metadata=model.metadata)


def store(model: ModelVersion, weights: Mapping[str, Tensor], *, version: str, metadata: Mapping[str, Any]) -> None:
    """Write a weights file into the package."""
    stored = save_model_version(
        starter_folder() / f"{model.name}.safetensors",
        weights,
        name=model.name,
        version=version,
        recipe=model.recipe,
        metadata=metadata,
        calibration=pooled_calibration(model.name),
    )
    print(f"{stored.path}: {stored.path.stat().st_size / 2**20:.1f} MiB")


def pooled_calibration(name: str) -> dict[str, Any] | None:
    """Temperature by region from the held-out cases of all folds of a model, None before the first."""
    tables = read_folds(name).values()
    if not tables:
        return None
    temperature = {region: round(pooled_reliability(tables, region).temperature(), 4) for region in REGIONS}
    return {"temperature": temperature, "cases": sum(len(table["cases"]) for table in tables)}


if __name__ == "__main__":
    sys.exit(main())
