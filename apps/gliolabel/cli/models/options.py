"""What the commands about models share: arguments, and opening the registry."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated

import typer

from gliolabel.cli import console, model_choice
from gliolabel.cli.logs import quiet_libraries
from gliolabel.errors import GlioLabelError

if TYPE_CHECKING:
    from gliolabel.registry import Registry

Model = Annotated[str, typer.Argument(help="Model, for example unet3d.", metavar="MODEL")]
Version = Annotated[str, typer.Argument(help="One of its versions (`gliolabel models list`).", metavar="VERSION")]
Json = Annotated[bool, typer.Option("--json", help="Print as JSON.")]
Reason = Annotated[str, typer.Option(help="Why; kept in the audit log.", metavar="TEXT")]
Actor = Annotated[str, typer.Option(help="Who does it, for the audit log. By default the login name.", metavar="NAME")]


def open_quietly() -> Registry:
    """The registry; nothing is printed but results and our own messages."""
    quiet_libraries()
    return model_choice.open_registry()


def up_to_date() -> Registry:
    """The registry in line with MLflow; when MLflow is out of reach, as it was last known."""
    registry = open_quietly()
    try:
        registry.catch_up()
    except GlioLabelError as error:
        console.warning(f"what is shown is what was known last: {error}")
    return registry


def who(actor: str) -> str:
    """The name for the audit log."""
    if actor.strip():
        return actor.strip()
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in some containers
        return "unknown"
