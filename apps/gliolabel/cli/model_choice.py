"""Which model version a command uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gliolabel.recipes import ModelVersion
    from gliolabel.registry import Registry

_WEIGHTS = ".safetensors"


def open_registry() -> Registry:
    """The registry of the models that a command sees."""
    from gliolabel.registry import Registry

    return Registry()


def choose_model(name: str) -> ModelVersion:
    """The champion of a model, or the version in a weights file.

    Args:
        name: name of a model, or path of a ``.safetensors`` file.

    Raises:
        InputError: the file cannot be read.
        UnavailableError: the model has no weights.
    """
    if name.endswith(_WEIGHTS):
        from gliolabel.recipes import ModelVersion

        return ModelVersion.load(name)
    return open_registry().champion(name)
