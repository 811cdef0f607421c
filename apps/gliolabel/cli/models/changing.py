"""``gliolabel models promote`` and ``rollback``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gliolabel.cli import console
from gliolabel.cli.models.options import Actor, Json, Model, Reason, Version, open_quietly, who
from gliolabel.errors import InputError, UnavailableError

if TYPE_CHECKING:
    from gliolabel.registry import Registry


def promote(
    name: Model,
    version: Version,
    reason: Reason = "",
    override: Annotated[bool, typer.Option("--override", help="Without a verdict of the gate that allows it. Needs --reason.")] = False,
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Make a version the champion: the one that is served.

    The gate must have let it through against the present champion. Running servers use it within 2 seconds; requests that are being
    answered end with the version they began with.

    Example: gliolabel models promote unet3d site-1 --override --reason "agreed in the tumour board, 2 May"
    """
    if override and not reason.strip():
        raise InputError('--override: say why, it is kept in the audit log: --reason "..."')
    registry = open_quietly()
    before = _champion(registry, name)
    registry.promote(name, version, actor=who(actor), reason=reason, override=override)
    _tell(registry, name, before=before, as_json=as_json)


def rollback(name: Model, reason: Reason = "", actor: Actor = "", as_json: Json = False) -> None:
    """Make the champion before this one the champion again; once more, the one before that.

    Running servers use it within 2 seconds. Nothing is deleted: the version that was served stays in the list.

    Example: gliolabel models rollback unet3d --reason "misses small enhancing lesions"
    """
    registry = open_quietly()
    before = _champion(registry, name)
    registry.rollback(name, actor=who(actor), reason=reason)
    _tell(registry, name, before=before, as_json=as_json)


def _champion(registry: Registry, name: str) -> str:
    try:
        return registry.champion(name).version
    except UnavailableError:  # none yet, or its file is gone: what follows says more
        return ""


def _tell(registry: Registry, name: str, *, before: str, as_json: bool) -> None:
    champion = registry.champion(name)
    if as_json:
        row = {"model": name, "champion": champion.version, "before": before, "sha256": champion.sha256(), "path": str(champion.path)}
        console.print_json(row)
    elif champion.version == before:
        print(f"{name}: {champion.version} is the champion already; nothing was changed.")
    else:
        print(f"{name}: {champion.version} is the champion now; before it was {before or 'none'}. Running servers use it within 2 seconds.")
