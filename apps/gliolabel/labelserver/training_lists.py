"""What the models of a registry have seen in training."""

from __future__ import annotations

import threading
import time
from typing import Final

from gliolabel.recipes.training_list import TrainingList
from gliolabel.registry import Registry

#: How long it is believed when somebody waits for an answer (seconds). New weights come from trainings, which look anew.
_BELIEVED_S: Final = 60.0


class TrainingLists:
    """Reads the training lists of all weights files of a registry.

    Without a registry nothing was trained on.
    """

    def __init__(self) -> None:
        self.registry: Registry | None = None
        self._lock = threading.Lock()
        self._known: tuple[float, TrainingList] = (-1e9, TrainingList.of(()))

    def current(self, *, anew: bool = False) -> TrainingList:
        """What any version of any model has seen.

        Args:
            anew: look now, however short ago the last look was.

        Raises:
            InputError: a weights file cannot be read.
            UnavailableError: the registry cannot be read.
        """
        with self._lock:
            looked, known = self._known
            if self.registry is not None and (anew or time.monotonic() - looked > _BELIEVED_S):
                names = self.registry.names()
                known = TrainingList.of(version for name in names for version in self.registry.versions(name))
                self._known = (time.monotonic(), known)
            return known
