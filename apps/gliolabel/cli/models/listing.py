"""``gliolabel models list`` and ``show``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gliolabel.cli import console
from gliolabel.cli.models.options import Json, Model, up_to_date
from gliolabel.errors import UnavailableError

if TYPE_CHECKING:
    from gliolabel.recipes import ModelVersion
    from gliolabel.registry import Registry


def list_models(as_json: Json = False) -> None:
    """List every model and its versions, oldest first.

    The champion is served. The challenger was registered last and is not promoted. GATE is the verdict of the gate on the locked cases:
    promote (no worse), refuse, unproven (too few cases), or empty where it was not asked.
    """
    registry = up_to_date()
    rows = [_row(registry, version) for name in registry.names() for version in registry.versions(name)]
    if as_json:
        console.print_json(rows)
        return
    if not rows:
        raise UnavailableError("There are no models: no weights are installed and none were trained. `gliolabel doctor` says more.")
    from rich.table import Table

    table = Table("Model", "Version", "Role", "Trained from", "Gate", "Registered", "System", box=None, header_style="bold", pad_edge=False)
    for row in rows:
        role = "champion" if row["champion"] else "challenger" if row["challenger"] else ""
        table.add_row(row["model"], row["version"], role, row["parent"], row["decision"], row["created"], row["title"])
    console.out.print(table)


def show_model(
    name: Model,
    version: Annotated[str | None, typer.Argument(help="One of its versions; without it the champion.", metavar="[VERSION]")] = None,
    as_json: Json = False,
) -> None:
    """Show what is known of a model version.

    Recipe, training data, terms, calibration, checksum; of a registered version also its manifest (case ids, label versions and their
    SHA-256), parent, metrics and the gate's verdict.
    """
    registry = up_to_date()
    chosen = registry.champion(name) if version is None else registry.version(name, version)
    content = {
        **_row(registry, chosen),
        "bytes": chosen.path.stat().st_size,
        "sha256": chosen.sha256(),
        **registry.details(name, chosen.version),
        "recipe": chosen.recipe.model_dump(mode="json"),
        "calibration": None if chosen.calibration is None else dict(chosen.calibration),
        "metadata": dict(chosen.metadata),
    }
    if as_json:
        console.print_json(content)
        return
    import yaml

    print(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), end="")


def _row(registry: Registry, version: ModelVersion) -> dict[str, Any]:
    entry, challenger = registry.entry(version.name, version.version), registry.challenger(version.name)
    return {
        "model": version.name,
        "version": version.version,
        "champion": version.version == _champion(registry, version.name),
        "challenger": challenger is not None and version.version == challenger.version,
        "parent": "" if entry is None else entry.parent,
        "decision": "" if entry is None else entry.decision,
        "judged_against": "" if entry is None else entry.judged_against,
        "created": "" if entry is None else entry.created,
        "title": version.recipe.title,
        "path": str(version.path),
    }


def _champion(registry: Registry, name: str) -> str:
    try:
        return registry.champion(name).version
    except UnavailableError:  # none was promoted yet
        return ""
