"""What ``gliolabel recipes`` prints for people, within 100 columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gliolabel.recipes import Recipe
    from gliolabel.recipes.schema.base import Section

_WIDTH = 100
_NAME = 30
_LABEL = 15


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Every recipe with its variants: parameters, network, input and length; below a recipe's name what it minimises."""
    lines = [_columns("Recipe, variants", "Trainable", "Static", "Network", "Input", "Length"), ""]
    for row in rows:
        lines.append(_row(row))
        origin = f"report {row['report']}" if row["report"] else "the product's own"
        lines.append(f"    {origin}; {row['loss']}")
        lines += [_row(variant, indent="  ") for variant in row["variants"]]
        lines.append("")
    lines.append("About variants: gliolabel recipes NAME. To train one: gliolabel train --recipe NAME --set VARIANT")
    return "\n".join(lines)


def one_recipe(recipe: Recipe, row: Mapping[str, Any], *, where: str) -> str:
    """One recipe in words, section by section, and its variants with their parameters."""
    split = recipe.data.split
    parts = ", ".join(f"{part.share:g} {part.role}" for part in split.take)
    facts = {
        "source": recipe.source,
        "data": f"{recipe.data.layout}, {recipe.data.unit}s of {', '.join(recipe.data.channels)}; target {recipe.data.target}",
        "split": f"by {split.by}" + (f": {parts}" if parts else ""),
        "preprocessing": "; ".join(_section(step) for step in recipe.preprocessing),
        "sampling": _section(recipe.sampling),
        "augmentation": _section(recipe.augmentation),
        "network": f"{row['network']}: {row['trainable_parameters']:,} trainable, {row['static_parameters']:,} static parameters",
        "input": row["input"],
        "loss": row["loss"],
        "optimiser": _section(recipe.optimiser),
        "schedule": _section(recipe.schedule),
        "length": row["length"] + (f", stops after {recipe.stopping.patience} without gain" if recipe.stopping else ""),
        "keeps": recipe.keep,
        "score": _section(recipe.score),
        "file": where,
    }
    lines = [f"{recipe.name}: {recipe.title}", ""]
    for label, text in facts.items():
        first, *more = wrap(text, _WIDTH - _LABEL, break_long_words=False, break_on_hyphens=False)
        lines += [f"{label:<{_LABEL}}{first}", *(" " * _LABEL + line for line in more)]
    if row["variants"]:
        lines += ["", f"{'Variants (--set NAME)':<{_NAME}}{'Trainable':>11} {'Static':>8}  What"]
        for variant in row["variants"]:
            left = f"{variant['name']:<{_NAME}}{variant['trainable_parameters']:>11,} {variant['static_parameters']:>8,}  "
            first, *more = wrap(variant["title"], _WIDTH - len(left), break_long_words=False)
            lines += [left + first, *(" " * len(left) + line for line in more)]
    return "\n".join(lines)


def _row(row: Mapping[str, Any], *, indent: str = "") -> str:
    return _columns(
        indent + row["name"],
        f"{row['trainable_parameters']:,}",
        f"{row['static_parameters']:,}",
        row["network"],
        row["input"],
        row["length"],
    )


def _columns(name: str, trainable: str, static: str, network: str, shape: str, length: str) -> str:
    return f"{name:<{_NAME - 1}} {trainable:>10} {static:>7}  {network:<18} {shape:<19} {length}"


def _section(section: Section) -> str:
    """A section in one line: its kind, then its values."""
    values = section.model_dump(mode="json", exclude_none=True)
    words = [f"{key} {_value(value)}" for key, value in values.items() if key != "kind"]
    return " ".join([str(values.get("kind", "")), ", ".join(words)]).strip()


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return f"[{', '.join(_value(item) for item in value)}]"
    return f"{value:g}" if isinstance(value, float) else str(value)
