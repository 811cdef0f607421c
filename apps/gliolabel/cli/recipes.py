"""``gliolabel recipes``: the trainable systems and their variants, or one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gliolabel.cli import console
from gliolabel.cli.logs import quiet_libraries

if TYPE_CHECKING:
    from gliolabel.recipes import Recipe


def recipes(
    name: Annotated[
        str | None, typer.Argument(help="Only this recipe, in more words; a name or the path of a .yaml file.", metavar="[NAME]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """List the trainable systems and their variants with exact parameter counts, or show one recipe.

    A variant is a named change, such as a row of a report's table: gliolabel train --recipe NAME --set VARIANT. Variants can be
    combined with each other and with section.key=value; later ones win.
    """
    quiet_libraries()
    from gliolabel.cli.recipe_text import one_recipe, table
    from gliolabel.recipes import list_recipes, load_recipe

    if name is None:
        rows = [describe(load_recipe(known), known) for known in list_recipes()]
        if as_json:
            console.print_json(rows)
        else:
            print(table(rows))
        return
    recipe = load_recipe(name)
    row = describe(recipe, name)
    if as_json:
        console.print_json(row | {"recipe": recipe.model_dump(mode="json")})
    else:
        print(one_recipe(recipe, row, where=_file(name)))


def describe(recipe: Recipe, name_or_path: str) -> dict[str, Any]:
    """One recipe as plain JSON: what it is, its numbers, and the same of its variants.

    Args:
        recipe: the recipe without changes.
        name_or_path: what it was read from; its variants are read from there too.
    """
    from gliolabel.recipes import load_recipe

    variants = [
        {"name": variant, "title": content.title, **_numbers(load_recipe(name_or_path, [variant])), "set": content.set}
        for variant, content in recipe.variants.items()
    ]
    return {
        "name": recipe.name,
        "title": recipe.title,
        "source": recipe.source,
        "report": recipe.report,
        **_numbers(recipe),
        "variants": variants,
    }


def _numbers(recipe: Recipe) -> dict[str, Any]:
    from gliolabel.recipes.describing import describe as in_words

    words = in_words(recipe)
    return {
        "network": words.network,
        "network_kind": recipe.network.kind,
        "trainable_parameters": words.trainable,
        "static_parameters": words.static,
        "input": words.input,
        "classes": recipe.network.out_channels,
        "loss": words.loss,
        "loss_kind": recipe.loss.kind,
        "steps": recipe.steps,
        "epochs": recipe.epochs,
        "length": words.length,
    }


def _file(name_or_path: str) -> str:
    from importlib import resources

    if name_or_path.endswith((".yaml", ".yml")):
        return name_or_path
    return str(resources.files("gliolabel.recipes") / f"{name_or_path}.yaml")
