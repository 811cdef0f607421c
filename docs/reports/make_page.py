"""Write docs/reports.md from docs/reports/measured.json and from the recipes.

python docs/reports/make_page.py
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from gliolabel.cli.recipes import describe
from gliolabel.recipes import load_recipe

HERE = Path(__file__).parent
PAGE = HERE.parent / "reports.md"

#: The variants whose size differs, by recipe.
SIZES = {
    "patsatzi2023_unet2d_lgg": ("", "flair_only"),
    "topcu2023_unet3d_brats21": ("", "batch_norm"),
    "keller_unet2d_brats20": ("relu", "prelu", "batch_norm"),
    "jonsson2023_resunet2d_brats19": ("",),
    "lgg_encoders": ("plain", "vgg16", "resnet50", "resnet50_frozen"),
}


def main() -> int:
    """Write the page."""
    measured = json.loads((HERE / "measured.json").read_text(encoding="utf-8"))
    experiments = {row["name"]: row for row in measured["experiments"]}
    page = Environment(undefined=StrictUndefined, keep_trailing_newline=True).from_string(
        (HERE / "page.md.jinja").read_text(encoding="utf-8")
    )
    text = page.render(
        machine=measured["machine"],
        experiments=measured["experiments"],
        misread_iou=measured["misread_iou"],
        networks={recipe: _sizes(recipe, variants) for recipe, variants in SIZES.items()},
        leak={
            "slice": _score(experiments["000-slice_wise"], "test", "with_tumour"),
            "patient": _score(experiments["000-combined"], "test", "with_tumour"),
        },
        epoch_steps=load_recipe("topcu2023_unet3d_brats21", experiments["001-cross_entropy"]["changes"]).sampling.steps_per_epoch,  # type: ignore[union-attr]
        dice=_dice,
    )
    PAGE.write_text(text, encoding="utf-8")
    print(PAGE)
    return 0


def _sizes(recipe: str, variants: Sequence[str]) -> list[dict[str, Any]]:
    """The recipe's row under its own name for an empty variant, else the variant's."""
    found = describe(load_recipe(recipe), recipe)
    by_name = {row["name"]: row for row in (found, *found["variants"])}
    return [by_name[variant or recipe] for variant in variants]


def _score(row: dict[str, Any], part: str, of: str = "all", name: str = "dice") -> float | None:
    found: float | None = row["parts"][part]["scores"][name][of] if part in row["parts"] else None
    return found


def _dice(row: dict[str, Any], part: str, of: str = "all", name: str = "dice") -> str:
    found = _score(row, part, of, name)
    return "-" if found is None else f"{found:.3f}"


if __name__ == "__main__":
    sys.exit(main())
