"""Cases as the networks read them: the last few are kept, and two requests for one case read it once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

from gliolabel.labelserver.cases import CaseRef
from gliolabel.labelserver.served_models import CaseSegmenter

#: Prepared cases kept in memory (some 50 to 250 MB each): the reader's own, and the one before it.
_KEPT: Final = 2


class PreparedCases:
    """The last prepared cases, the same for all models.

    Args:
        check: called before a case is read; raises when it is too large.
    """

    def __init__(self, check: Callable[[CaseRef], None]) -> None:
        self._check = check
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str], Any] = OrderedDict()
        self._preparing: dict[tuple[str, str], threading.Lock] = {}

    def of(self, ref: CaseRef, segmenter: CaseSegmenter) -> tuple[Any, dict[str, float]]:
        """The case as the networks read it, and the seconds that took.

        Raises:
            InputError: it cannot be read.
        """
        key = (ref.key, ref.source())
        with self._lock:
            lock = self._preparing.setdefault(key, threading.Lock())
        with lock:
            with self._lock:
                prepared = self._kept.get(key)
                if prepared is not None:
                    self._kept.move_to_end(key)
                    return prepared, {"read": 0.0, "prepare": 0.0}
            try:
                self._check(ref)
                prepared, latencies = segmenter.prepare(ref.case)
                with self._lock:
                    self._kept[key] = prepared
                    while len(self._kept) > _KEPT:
                        self._kept.popitem(last=False)
            finally:
                with self._lock:
                    self._preparing.pop(key, None)
        return prepared, latencies

    def forget(self, case_key: str) -> None:
        """Let a case go, whatever its images were."""
        with self._lock:
            for key in [key for key in self._kept if key[0] == case_key]:
                del self._kept[key]
