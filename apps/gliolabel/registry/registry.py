"""Which version of each model is served."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

from gliolabel.errors import UnavailableError
from gliolabel.recipes import ModelVersion

#: The models of the product, the default one first.
MODELS = ("unet3d", "resunet2d")


def starter_folder() -> Path:
    """The folder of the weights that come with the package."""
    return Path(str(resources.files("gliolabel.weights")))


class Registry:
    """The model versions that there are.

    A fresh registry holds the starter versions that come with the package.

    Args:
        folder: folder of the weights files ``<name>*.safetensors``; by default the package's own.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or starter_folder()

    def names(self) -> tuple[str, ...]:
        """Names of the models that have weights, the default model first."""
        found = {version.name for version in self._all()}
        return tuple(name for name in MODELS if name in found) + tuple(sorted(found - set(MODELS)))

    def versions(self, name: str) -> list[ModelVersion]:
        """All versions of a model, oldest first.

        Raises:
            UnavailableError: there are no weights for it.
        """
        found = sorted((v for v in self._all() if v.name == name), key=lambda v: _natural(v.version))
        if not found:
            raise UnavailableError(
                f"model {name!r} has no weights in {self._folder}; there are: {', '.join(self.names()) or 'none'}. "
                "Install the package with its weights, or train one with `gliolabel train`."
            )
        return found

    def champion(self, name: str) -> ModelVersion:
        """The version that is served: the newest.

        Raises:
            UnavailableError: there are no weights for it.
        """
        return self.versions(name)[-1]

    def _all(self) -> list[ModelVersion]:
        return [ModelVersion.load(path) for path in sorted(self._folder.glob("*.safetensors"))]


def _natural(version: str) -> list[tuple[int, int, str]]:
    """A sort key by which ``starter-10`` comes after ``starter-9``."""
    return [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in re.split(r"(\d+)", version)]
