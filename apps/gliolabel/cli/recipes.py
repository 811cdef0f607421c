"""``gliolabel recipes``: the trainable systems, one line each, or one of them in full."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gliolabel.cli import console
from gliolabel.cli.logs import quiet_libraries

if TYPE_CHECKING:
    from torch import nn

    from gliolabel.recipes import Recipe


def recipes(
    name: Annotated[
        str | None, typer.Argument(help="Show this recipe in full; a name or the path of a .yaml file.", metavar="[NAME]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """List the trainable systems with their networks and sizes, or show one recipe as YAML."""
    quiet_libraries()
    import yaml

    from gliolabel.recipes import list_recipes, load_recipe

    if name is not None:
        content = load_recipe(name).model_dump(mode="json")
        if as_json:
            console.print_json(content)
        else:
            print(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), end="")
        return
    rows = [describe(load_recipe(known)) for known in list_recipes()]
    if as_json:
        console.print_json(rows)
    else:
        console.out.print(_table(rows))


def describe(recipe: Recipe) -> dict[str, Any]:
    """One recipe in the words of the table: name, title, source, network, parameters, input and loss."""
    from gliolabel.recipes import build_network

    trainable, static = count_parameters(build_network(recipe.network))
    return {
        "name": recipe.name,
        "title": recipe.title,
        "source": recipe.source,
        "network": recipe.network.kind,
        "trainable_parameters": trainable,
        "static_parameters": static,
        "input": f"{recipe.network.in_channels} x {' x '.join(str(edge) for edge in recipe.sampling.patch)}",
        "classes": recipe.network.out_channels,
        "loss": recipe.loss.kind,
        "steps": recipe.steps,
    }


def count_parameters(network: nn.Module) -> tuple[int, int]:
    """Trainable parameters, and static ones: frozen parameters and the running statistics of normalisation layers."""
    trainable = sum(p.numel() for p in network.parameters() if p.requires_grad)
    frozen = sum(p.numel() for p in network.parameters() if not p.requires_grad)
    statistics = sum(b.numel() for b in network.buffers() if b.is_floating_point())  # not the batch counters
    return trainable, frozen + statistics


def _table(rows: list[dict[str, Any]]) -> Any:
    from rich.table import Table

    table = Table("Name", "System", "Network", "Input", "Loss", box=None, header_style="bold", pad_edge=False)
    table.add_column("Trainable", justify="right")
    table.add_column("Static", justify="right")
    table.add_column("Steps", justify="right")
    for row in rows:
        table.add_row(
            row["name"],
            row["title"],
            row["network"],
            row["input"],
            row["loss"],
            f"{row['trainable_parameters']:,}",
            f"{row['static_parameters']:,}",
            str(row["steps"]),
        )
    return table
