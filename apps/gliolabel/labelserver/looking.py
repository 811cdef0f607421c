"""When the study folder is looked at again: for whoever asks, for a name that is not known, and now and then."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from gliolabel.errors import GlioLabelError

_LOG = logging.getLogger(__name__)

#: The study folder is looked at again at most this often (seconds).
_REFRESH_S: Final = 30.0
#: ... for a name that is not known, or where news are known of.
_REFRESH_UNKNOWN_S: Final = 2.0
#: ... and so rarely that looking takes at most one part in so many of the time.
_REFRESH_SHARE: Final = 30.0
#: A request waits so long for it (seconds): enough for a folder of some hundred cases.
_REFRESH_WAIT_S: Final = 0.02


class Looking:
    """Calls what looks at the study folder, not more often than needed. Made when it was just looked at.

    Args:
        look: looks at the folder.
    """

    def __init__(self, look: Callable[[], None]) -> None:
        self._look = look
        self._looked, self._took_s = time.monotonic(), 0.0
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def now(self) -> None:
        """Look."""
        began = time.monotonic()
        self._look()
        self._looked = time.monotonic()
        self._took_s = self._looked - began

    def for_unknown(self) -> None:
        """Look, unless that was done just now: somebody asks for a case that is not known."""
        if time.monotonic() - self._looked > _REFRESH_UNKNOWN_S:
            self.now()

    def now_and_then(self, *, news: bool) -> None:
        """Look if that was not done for a while.

        A large folder takes seconds: it is looked at in a thread, and what is new is there at the next question.

        Args:
            news: whether the folder is known to have changed.
        """
        wait = _REFRESH_UNKNOWN_S if news else _REFRESH_S
        if time.monotonic() - self._looked <= max(wait, _REFRESH_SHARE * self._took_s):
            return
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._in_thread, name="studies", daemon=True)
                self._thread.start()
            thread = self._thread
        thread.join(_REFRESH_WAIT_S)

    def _in_thread(self) -> None:
        try:
            self.now()
        except (GlioLabelError, OSError) as error:  # the next one tries again
            _LOG.warning("The study folder cannot be looked at, the list from before is served: %s", error)
