"""Whether a command of ours, as it stands in the documentation, is one that the program would take."""

from __future__ import annotations

import shlex
from typing import Any

import typer

from gliolabel.cli.app import app
from gliolabel.labelserver.configuration import Configuration
from gliolabel.labelserver.slices.configuration import SliceConfiguration

_ROOT: Any = typer.main.get_command(app)
#: Where a shell would end our command.
_ENDS = ("|", "&&", ";", ">", ">>", "&", "||")


def words_of(command: str) -> list[str]:
    """The words up to where the shell takes over, without settings in front."""
    words = shlex.split(command, comments=False)
    end = next((number for number, word in enumerate(words) if word in _ENDS), len(words))
    words = words[:end]
    while words and "=" in words[0] and not words[0].startswith("-"):
        words = words[1:]
    return words


def check_gliolabel(words: list[str]) -> None:
    """Let the real parser read it; nothing runs.

    Raises:
        Exception: typer's own, naming what is wrong.
    """
    context = _ROOT.make_context("gliolabel", list(words[1:]))
    command, rest = _ROOT, [*context._protected_args, *context.args]
    while hasattr(command, "commands") and rest:
        name = rest[0]
        assert name in command.commands, f"there is no command {name!r}; there are {', '.join(command.commands)}"
        command = command.commands[name]
        context = command.make_context(name, rest[1:], parent=context)
        rest = [*context._protected_args, *context.args] if hasattr(command, "commands") else []


def check_mention(words: list[str]) -> None:
    """A command in running text may leave out what it needs: that it exists, and its options, are looked at."""
    command, options = _ROOT, _options(_ROOT)
    skip = False
    for word in words[1:]:
        if skip:
            skip = False
        elif word.startswith("--"):
            name = word.split("=")[0]
            assert name in options or name == "--help", f"there is no option {name}"
            skip = options.get(name, False) and "=" not in word
        elif hasattr(command, "commands") and word in command.commands:
            command = command.commands[word]
            options = _options(command)
        elif hasattr(command, "commands") and word.islower() and word.isalpha():
            raise AssertionError(f"there is no command {word!r}")


def check_monailabel(words: list[str]) -> None:
    """The keys of ``--conf``; the other options are MONAI Label's."""
    keys = {*Configuration.model_fields, *SliceConfiguration.model_fields}
    for number, word in enumerate(words):
        if word == "--conf" and words[number + 1] not in ("NAME",):
            assert words[number + 1] in keys, f"there is no --conf {words[number + 1]}"


def _options(command: Any) -> dict[str, bool]:
    """The options, and whether a value follows."""
    found = {}
    for parameter in command.params:
        if parameter.param_type_name == "option":
            found |= dict.fromkeys([*parameter.opts, *parameter.secondary_opts], not parameter.is_flag)
    return found
