"""``gliolabel models``: which model versions there are and what is known of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gliolabel.cli import console
from gliolabel.cli.logs import quiet_libraries
from gliolabel.cli.model_choice import open_registry
from gliolabel.errors import UnavailableError, UnknownError

if TYPE_CHECKING:
    from gliolabel.recipes import ModelVersion
    from gliolabel.registry import Registry

app = typer.Typer(help="The model versions: list them, show one.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print as JSON.")]


@app.command("list")
def list_models(as_json: Json = False) -> None:
    """List every model and its versions; the served one is the champion."""
    registry = _registry()
    rows = [
        _row(version, champion=version.version == registry.champion(name).version)
        for name in registry.names()
        for version in registry.versions(name)
    ]
    if as_json:
        console.print_json(rows)
        return
    if not rows:
        raise UnavailableError("There are no models: no weights are installed and none were trained. `gliolabel doctor` says more.")
    from rich.table import Table

    table = Table("Model", "Version", "Served", "System", "File", box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(row["model"], row["version"], "champion" if row["champion"] else "", row["title"], row["path"])
    console.out.print(table)


@app.command("show")
def show_model(
    name: Annotated[str, typer.Argument(help="Model, for example unet3d.", metavar="MODEL")],
    version: Annotated[str | None, typer.Argument(help="One of its versions; without it the champion.", metavar="[VERSION]")] = None,
    as_json: Json = False,
) -> None:
    """Show what is known of a model version: recipe, training data, terms, calibration, checksum."""
    registry = _registry()
    if version is None:
        chosen = registry.champion(name)
    else:
        known = {v.version: v for v in registry.versions(name)}
        if version not in known:
            raise UnknownError(f"model {name} has no version {version!r}; there are: {', '.join(known) or 'none'}")
        chosen = known[version]
    content = {
        **_row(chosen, champion=chosen.version == registry.champion(name).version),
        "bytes": chosen.path.stat().st_size,
        "sha256": chosen.sha256(),
        "recipe": chosen.recipe.model_dump(mode="json"),
        "calibration": None if chosen.calibration is None else dict(chosen.calibration),
        "metadata": dict(chosen.metadata),
    }
    if as_json:
        console.print_json(content)
        return
    import yaml

    print(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), end="")


def _registry() -> Registry:
    quiet_libraries()
    return open_registry()


def _row(version: ModelVersion, *, champion: bool) -> dict[str, Any]:
    return {
        "model": version.name,
        "version": version.version,
        "champion": champion,
        "title": version.recipe.title,
        "path": str(version.path),
    }
