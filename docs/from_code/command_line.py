"""The page of the command line: what every `--help` says."""

from __future__ import annotations

import html
import re

import typer
from typer.cli import get_docs_for_click

from gliolabel.cli.app import app


def command_line() -> str:
    """Every command with its arguments and options, by typer's own writer."""
    command = typer.main.get_command(app)
    text = html.unescape(get_docs_for_click(obj=command, ctx=typer.Context(command), name="gliolabel"))
    text = text.removeprefix("# `gliolabel`\n")
    # The lists of commands end in dots, and the sections below say the same in full.
    text = re.sub(r"\*\*Commands\*\*:\n\n(?:\* .*\n)+", "", text)
    text = re.sub(r"\* `--help`: .*\n", "", text)
    # Ranges such as 2<=x<=200 would be taken for HTML.
    return re.sub(r"\[(default|env var|required|\d)(.*?)\]$", lambda match: f"`[{match[1]}{match[2]}]`", text, flags=re.MULTILINE)
