"""Where text goes: results to stdout, everything else to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

#: Results.
out = Console(soft_wrap=True)
#: Progress, notes, warnings, errors.
err = Console(stderr=True, soft_wrap=True)


def print_json(value: Mapping[str, Any] | Sequence[Any]) -> None:
    """Write one JSON document, and nothing else, to stdout."""
    json.dump(value, sys.stdout, indent=2, default=str)
    sys.stdout.write("\n")


def note(message: str) -> None:
    """Say something that is not a result."""
    err.print(Text(message))


def warning(message: str) -> None:
    """Say what the user should know but need not act on."""
    err.print(Text.assemble(("Warning: ", "yellow"), message))


def error(message: str) -> None:
    """Say why a command stopped."""
    err.print(Text.assemble(("Error: ", "bold red"), message))


def progress_bar(*, shown: bool = True) -> Progress:
    """A progress bar on stderr that leaves no trace where stderr is not a terminal.

    Args:
        shown: False when the caller wants quiet, for example for ``--json``.
    """
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=err,
        disable=not shown or not err.is_terminal,
    )
