"""The page of the recipes: what there is, and what may stand in a recipe file."""

from __future__ import annotations

from typing import Any

from fields import field_table, plain, row
from pydantic import BaseModel

from gliolabel.cli.recipes import describe
from gliolabel.recipes import Recipe, list_recipes, load_recipe


def recipe_table() -> str:
    """Every recipe of the package with its numbers, and the names of the variants."""
    head = ["Recipe", "From", "Network", "Trainable", "Input", "Minimises", "Length"]
    lines, variants = [row(*head), row(*["---"] * len(head))], []
    for name in list_recipes():
        about = describe(load_recipe(name), name)
        origin = f"report {about['report']}" if about["report"] else "the product's own"
        numbers = (about["network"], f"{about['trainable_parameters']:,}", about["input"], about["loss"], about["length"])
        lines.append(row(f"`{name}`", origin, *numbers))
        if about["variants"]:
            names = ", ".join(f"`{variant['name']}`" for variant in about["variants"])
            variants.append(f"* `{name}`: {names}")
    return "\n".join([*lines, "", "Variants are rows of a report's tables: `gliolabel train --recipe NAME --set VARIANT`.", "", *variants])


def recipe_schema() -> str:
    """Every section that may stand in a recipe file, the whole first."""
    parts = []
    for kind in [Recipe, *_sections(Recipe, [])]:
        words = plain((kind.__doc__ or "").split("\n\n")[0].strip())
        parts.append(f"### {kind.__name__}\n\n{words}\n\n{field_table(kind, head='Key', speaking=True)}")
    return "\n\n".join(parts)


def _sections(kind: Any, found: list[type[BaseModel]]) -> list[type[BaseModel]]:
    """The models within a model, in the order in which they are met."""
    for field in kind.model_fields.values():
        for part in _parts(field.annotation):
            if isinstance(part, type) and issubclass(part, BaseModel) and part not in found:
                found.append(part)
                _sections(part, found)
    return found


def _parts(annotation: Any) -> list[Any]:
    inner = getattr(annotation, "__args__", ())
    return [annotation] if not inner else [part for one in inner for part in _parts(one)]
