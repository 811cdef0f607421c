"""Which weights an app serves: the newest that it trained, or the file it was given."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from pathlib import Path

from gliolabel.errors import InputError, UnavailableError
from gliolabel.recipes import ModelVersion
from gliolabel.registry import Registry

_LOG = logging.getLogger(__name__)


class LatestWeights(Registry):
    """The weights of one model: files of the app's own trainings, which are all kept, and perhaps one that was given.

    The newest file is served. Going back is deleting (or moving) the newest.

    Args:
        name: the model's name on this server, whatever the recipe's.
        folder: where the trainings of this server leave their weights, ``<name>-<number>.safetensors``.
        given: the file that ``--conf weights`` names.

    Raises:
        InputError: the given file is missing or no weights file.
    """

    def __init__(self, name: str, folder: Path, *, given: Path | None = None) -> None:
        super().__init__(folder)
        self._name, self._given = name, given
        if given is not None:
            recipe = ModelVersion.load(given).recipe
            if recipe.data.unit != "slice" or recipe.network.out_channels != 1:
                raise InputError(
                    f"--conf weights {given}: the model's recipe {recipe.name} has data.unit {recipe.data.unit} and "
                    f"{recipe.network.out_channels} outputs, expected unit slice and 1 output, such as patsatzi2023_unet2d_lgg"
                )

    def names(self) -> tuple[str, ...]:
        """The model's name, or nothing while there are no weights."""
        return (self._name,) if self._files() else ()

    def champion(self, name: str) -> ModelVersion:
        """The newest readable version.

        Raises:
            UnavailableError: there are no weights.
        """
        for path in reversed(self._files()):
            try:
                return replace(ModelVersion.load(path), name=self._name)
            except InputError as error:
                _LOG.warning("passed over: %s", error)
        raise UnavailableError(f"The model {self._name} has no weights yet in {self._folder}.")

    def next_file(self) -> tuple[Path, str]:
        """Path and version for the next training's weights."""
        numbers = [int(found[1]) for path in self._trained() if (found := re.search(r"-(\d+)\Z", path.stem))]
        number = max(numbers, default=0) + 1
        return self._folder / f"{self._name}-{number}.safetensors", f"trained-{number}"

    def _trained(self) -> list[Path]:
        return sorted(self._folder.glob(f"{self._name}-*.safetensors"))

    def _files(self) -> list[Path]:
        """Oldest first."""
        files = [*self._trained(), *([self._given] if self._given is not None and self._given.is_file() else [])]
        return sorted(files, key=lambda path: path.stat().st_mtime_ns)
