"""What clients asked and were answered, as they saw it: what the state folder must agree with afterwards."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tests.soak.marked_labels import Mark

#: Of what is broken, so many findings are kept.
_KEPT = 200


@dataclass(frozen=True)
class Answer:
    """One request.

    Args:
        kind: what was asked for.
        status: of the answer; 0: there was none, since the server was killed.
        seconds: until the answer.
    """

    kind: str
    status: int
    seconds: float


@dataclass(frozen=True)
class Image:
    """A mask or map that a client was given.

    Args:
        kind: ``mask``, ``session`` or ``map``.
        case_id: of which case it was asked for.
        model: name of the model, as the answer says.
        version: as the answer says.
        digest: of its voxels.
    """

    kind: str
    case_id: str
    model: str
    version: str
    digest: str


@dataclass
class Submission:
    """A label that was submitted.

    Args:
        mark: what its voxels say.
        case_id: for which case.
        author: by whom.
        status: of the answer; 0: there was none.
        version: that it was given.
    """

    mark: Mark
    case_id: str
    author: str
    status: int = 0
    version: int = 0


@dataclass
class Ledger:
    """All of it. Used from many threads.

    Args:
        say: is told what is broken as soon as it is found.
    """

    say: Callable[[str], object] = lambda _: None

    answers: list[Answer] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)
    submissions: list[Submission] = field(default_factory=list)
    sessions_ended: list[str] = field(default_factory=list)
    refusals: Counter[tuple[int, str]] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def refused(self, status: int, sentence: str) -> None:
        """Count an answer that is no success, by its sentence without what differs each time: folders, numbers."""
        sentence = re.sub(r" \(request [\w-]+\)$", "", sentence)
        sentence = re.sub(r"(?<![\w.])/\S+/", "", sentence)
        with self._lock:
            self.refusals[status, re.sub(r"[0-9a-f]{6,}|\d+", "N", sentence)[:160]] += 1

    def found(self, text: str) -> None:
        """Note that something is broken."""
        text = f"[{time.monotonic() - self.began:.0f} s] {text}"
        with self._lock:
            if len(self.broken) < _KEPT:
                self.broken.append(text)
                self.say(f"BROKEN {text}")

    def stored(self) -> Iterable[Submission]:
        """The submissions that were answered 200."""
        return (submission for submission in self.submissions if submission.status == 200)
