"""``python -m gliolabel.training.retraining JOB_FOLDER``: a retraining in a process of its own, for whoever started it.

Reads ``pause``, ``continue`` and ``stop`` from its standard input, one word a line, and ends when that is closed. Writes what it has to say
to its standard output, a JSON object a line: ``{"said": ...}``, ``{"stats": {...}}``, at last ``{"outcome": {...}}``.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from gliolabel.training.retraining.lifeline import die_with_parent, listen, step_back
from gliolabel.training.retraining.watch import StoppedError

#: PyTorch gets so many of the cores; the others are the readers'.
_SHARE_OF_CORES = 0.5


class Caller:
    """The process that started this one, as a watch.

    Args:
        output: where it listens.
    """

    def __init__(self, output: TextIO) -> None:
        self._output = output
        self._go_on, self._stopping = threading.Event(), threading.Event()
        self._go_on.set()

    def hear(self, word: str) -> None:
        """A word from it: ``pause``, ``continue``, ``stop``."""
        if word == "stop":
            self._stopping.set()
        if word == "pause":
            self._go_on.clear()
        else:
            self._go_on.set()

    def say(self, line: str) -> None:
        """See :class:`~gliolabel.training.retraining.watch.Watch`."""
        self.tell({"said": line})

    def progress(self, stats: Mapping[str, Any]) -> None:
        """See there."""
        self.tell({"stats": dict(stats)})

    def pause(self) -> None:
        """See there."""
        self._go_on.wait()
        if self._stopping.is_set():
            raise StoppedError("stopped; nothing was changed.")

    def tell(self, message: Mapping[str, Any]) -> None:
        """Send it a message."""
        self._output.write(json.dumps(dict(message)) + "\n")
        self._output.flush()


def main(folder: Path) -> int:
    """Do the retraining; returns the exit code, 0 when it came to an end of whatever kind."""
    # Libraries print; the messages have a way of their own.
    caller = Caller(os.fdopen(os.dup(1), "w", encoding="utf-8"))
    os.dup2(2, 1)
    listen(sys.stdin, caller.hear)
    step_back()
    import torch

    from gliolabel.training.retraining.folder import JobFolder
    from gliolabel.training.retraining.retrain import retrain

    cores = os.cpu_count() or 1
    torch.set_num_threads(min(torch.get_num_threads(), max(1, int(cores * _SHARE_OF_CORES))))
    outcome = retrain(JobFolder(folder), caller)
    caller.tell({"outcome": outcome.model_dump(mode="json")})
    return 0


if __name__ == "__main__":
    die_with_parent()
    sys.exit(main(Path(sys.argv[1])))
