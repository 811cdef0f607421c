"""The one answer without a token: the image that Next Sample has just offered.

The plugin asks for Next Sample with its token and then downloads the image without one (it leaves the download to Slicer). So a Next Sample
of a reader who is logged in opens that one image, for that one client address, for a minute.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

#: Seconds within which the download has to begin.
OPEN_S: Final = 60.0


class OpenImages:
    """Which images may be downloaded without a token, from where, and who asked for them.

    Args:
        clock: seconds that only grow.

    Example:
        >>> images = OpenImages()
        >>> images.open("Case_1", address="192.0.2.7", user="ann")
        >>> images.opened_by("Case_1", address="192.0.2.7"), images.opened_by("Case_1", address="192.0.2.8")
        ('ann', None)
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._open: dict[tuple[str, str], tuple[str, float]] = {}

    def open(self, image: str, *, address: str, user: str) -> None:
        """From now on and for :data:`OPEN_S` seconds this address may download that image."""
        now = self._clock()
        with self._lock:
            self._open = {key: value for key, value in self._open.items() if value[1] > now}
            self._open[address, image] = (user, now + OPEN_S)

    def opened_by(self, image: str, *, address: str) -> str | None:
        """Who opened the image for that address, or None: it is not open."""
        with self._lock:
            user, until = self._open.get((address, image), ("", 0.0))
        return user if user and until > self._clock() else None
