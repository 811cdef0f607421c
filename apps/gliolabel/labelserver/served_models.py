"""The models that are served now: looked up anew when a second has passed, one copy of each on the device."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np

from gliolabel.errors import GlioLabelError, UnavailableError
from gliolabel.inference import Segmentation, UncertaintyMaps
from gliolabel.recipes import ModelVersion
from gliolabel.registry import Registry
from gliolabel.studies import Case

_LOG = logging.getLogger(__name__)

#: How long a list of models is believed (seconds): a promotion takes effect within two.
_MODELS_S: Final = 1.0


class CaseSegmenter(Protocol):
    """What segments cases with one model: :class:`~gliolabel.inference.Segmenter`, or an app's own."""

    def prepare(self, case: Case) -> tuple[Any, dict[str, float]]:
        """The case, read, with its ``grid``; and seconds by stage."""

    def mask(self, prepared: Any, *, cancel: Callable[[], None] | None = None) -> Segmentation:
        """Its mask; calls ``cancel`` between parts, where another thread may use the network meanwhile."""

    def maps(self, prepared: Any, mask: np.ndarray, *, passes: int, seed: int, cancel: Callable[[], None]) -> UncertaintyMaps:
        """Its maps; calls ``cancel`` between passes."""


@dataclass(frozen=True, eq=False)
class Served:
    """A model version with what segments with it. Whoever holds it goes on with this version, also when another is promoted meanwhile.

    Args:
        version: the version.
        segmenter: its segmenter.
    """

    version: ModelVersion
    segmenter: CaseSegmenter


class ServedModels:
    """The champions of a registry, and what segments with them.

    Args:
        registry: where models come from.
        names: of those that are served, the default first.
        segmenter: makes what segments with a model version.
    """

    def __init__(self, registry: Registry, *, names: Collection[str], segmenter: Callable[[ModelVersion], CaseSegmenter]) -> None:
        self._registry, self._names, self._make = registry, tuple(names), segmenter
        self._looked, self._models = -1e9, dict[str, ModelVersion]()
        self._served: dict[str, Served] = {}
        self._lock = threading.Lock()

    def models(self) -> dict[str, ModelVersion]:
        """The models that have weights, by name, the default first. A new champion needs no restart."""
        if time.monotonic() - self._looked > _MODELS_S:
            try:
                names = [name for name in self._registry.names() if name in self._names]
            except GlioLabelError as error:  # the registry's file, or a starter's weights: being replaced, or damaged
                _LOG.warning("The models cannot be looked up, those known before are served: %s", error)
            else:
                found = {name: self._champion(name, self._models.get(name)) for name in names}
                self._models = {name: version for name, version in found.items() if version is not None}
            self._looked = time.monotonic()
        return self._models

    def look_again(self) -> None:
        """Look the models up at the next question: there are new weights."""
        self._looked = -1e9

    def served(self, name: str) -> Served:
        """The version of a model that is served now.

        Raises:
            UnavailableError: there are no weights.
        """
        version = self.models().get(name)
        if version is None:
            raise UnavailableError(f"The model {name} has no weights any longer.")
        with self._lock:
            there = self._served.get(name)
            if there is None or there.version != version:
                # One copy per model: an older version is let go as soon as the last request with it is answered.
                there = self._served[name] = Served(version, self._make(version))
            return there

    def segmenter(self, version: ModelVersion) -> CaseSegmenter:
        """What segments with this very version.

        Raises:
            UnavailableError: it is no longer served.
        """
        served = self.served(version.name)
        if served.version != version:
            raise UnavailableError(f"{version.name} {version.version} is no longer served; {served.version.version} is.")
        return served.segmenter

    def _champion(self, name: str, before: ModelVersion | None) -> ModelVersion | None:
        try:
            return self._registry.champion(name)
        except GlioLabelError as error:
            _LOG.warning("%s: %s. %s", name, error, "It is not offered." if before is None else f"{before.version} is served as before.")
            return before
