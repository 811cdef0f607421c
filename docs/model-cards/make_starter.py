"""Put trained weights into the package as the starter version, with the temperature of the folds that ran, and write the cards.

python docs/model-cards/make_starter.py WEIGHTS [WEIGHTS ...] --version starter-1
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from make_cards import main as make_cards
from make_cards import pooled_reliability, read_folds

from gliolabel.recipes import ModelVersion, save_model_version
from gliolabel.registry import starter_folder
from gliolabel.vocabulary import REGIONS


def main() -> int:
    """Store each weights file in the package."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", nargs="+", type=Path, help="files that `gliolabel train` wrote")
    parser.add_argument("--version", required=True, help="what the version is called, e.g. starter-1")
    parser.add_argument("--code-version", help="of the code that trained them, where that did not run in a clone, e.g. 0.1.0+g50a24a4")
    options = parser.parse_args()
    for path in options.weights:
        trained = ModelVersion.load(path)
        tables = read_folds(trained.name).values()
        temperature = {region: round(pooled_reliability(tables, region).temperature(), 4) for region in REGIONS} if tables else None
        stored = save_model_version(
            starter_folder() / f"{trained.name}.safetensors",
            trained.build().state_dict(),
            name=trained.name,
            version=options.version,
            recipe=trained.recipe,
            metadata={**trained.metadata, **({"code_version": options.code_version} if options.code_version else {})},
            calibration=None if temperature is None else {"temperature": temperature, "cases": sum(len(t["cases"]) for t in tables)},
        )
        print(f"{stored.path}: {stored.path.stat().st_size / 2**20:.1f} MiB")
    sys.argv = sys.argv[:1]
    return make_cards()


if __name__ == "__main__":
    sys.exit(main())
