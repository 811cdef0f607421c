"""Which model version a command uses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gliolabel.cli.state import state_path

if TYPE_CHECKING:
    from gliolabel.recipes import ModelVersion
    from gliolabel.registry import Registry

_WEIGHTS = ".safetensors"


def open_registry(state: Path | None = None) -> Registry:
    """The registry of the models that a command sees.

    Args:
        state: the state folder, if the command has one of its own; by default that of ``--state``, the environment, or the only one.

    Raises:
        InputError: no state folder was named and there are several.
    """
    from gliolabel.registry import Registry
    from gliolabel.state import StateFolder

    path = state or state_path()
    return Registry(state=None if path is None else StateFolder(path))


def choose_model(name: str, *, state: Path | None = None) -> ModelVersion:
    """The champion of a model, another version of it, or the version in a weights file.

    Args:
        name: name of a model, ``MODEL@VERSION``, or path of a ``.safetensors`` file.
        state: see :func:`open_registry`.

    Raises:
        InputError: the file cannot be read, or it is not clear which state folder is meant.
        UnknownError: there is no such version.
        UnavailableError: the model has no weights.
    """
    if name.endswith(_WEIGHTS):
        from gliolabel.recipes import ModelVersion

        return ModelVersion.load(name)
    model, _, version = name.partition("@")
    registry = open_registry(state)
    return registry.version(model, version) if version else registry.champion(model)
