"""The command's root: global options, the list of commands, and what an error becomes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from gliolabel import __version__
from gliolabel.cli import (
    backup,
    benchmark,
    console,
    demo,
    doctor,
    evaluate,
    judge,
    models,
    preprocess,
    recipes,
    roles,
    segment,
    send,
    train,
)
from gliolabel.cli.state import STATE_VARIABLE
from gliolabel.errors import GlioLabelError, InputError, UnknownError
from gliolabel.vocabulary import RESEARCH_NOTICE

#: Exit codes: what was given cannot be used / it could not be done.
BAD_INPUT, FAILURE = 2, 1

app = typer.Typer(
    name="gliolabel",
    help=f"Brain-tumour masks with visible uncertainty, for MONAI Label and 3D Slicer. {RESEARCH_NOTICE}",
    epilog="Exit codes: 0 done, 1 failed, 2 bad input.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

# One line a command.
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)
app.command("segment")(segment.segment)
app.command("send")(send.send)
app.command("preprocess")(preprocess.preprocess)
app.command("train")(train.train)
app.command("evaluate")(evaluate.evaluate)
app.command("judge")(judge.judge)
app.command("recipes")(recipes.recipes)
app.command("roles")(roles.roles)
app.command("backup")(backup.backup)
app.command("benchmark")(benchmark.benchmark)
app.add_typer(models.app, name="models")


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"gliolabel {__version__}")
        raise typer.Exit


@app.callback()
def root(
    state: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            envvar=STATE_VARIABLE,
            help="State folder (database, model versions, maps). Without it: the only one there is, else the starter versions.",
        ),
    ] = None,
    version: Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")] = False,
) -> None:
    if state is not None:
        if state.exists() and not state.is_dir():
            raise InputError(f"--state {state}: a folder is expected, this is a file. Name a folder; it is made when needed.")
        # Everything below, and processes that a command starts, find the state folder here.
        os.environ[STATE_VARIABLE] = str(state.resolve())


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit: 0 done, 1 failed, 2 bad input (the message on stderr, without a traceback).

    Args:
        arguments: instead of ``sys.argv[1:]``.
    """
    try:
        app(args=None if arguments is None else list(arguments))
    except (InputError, UnknownError) as error:
        console.error(str(error))
        sys.exit(BAD_INPUT)
    except GlioLabelError as error:
        console.error(str(error))
        sys.exit(FAILURE)
