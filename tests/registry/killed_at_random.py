"""Runs `gliolabel` commands and registrations in processes that are killed (SIGKILL) after a while.

    python killed_at_random.py        stdin: {"do": [words], "after": seconds or null}   ->   stdout: {"killed": bool, "took": seconds}

Words are those of the command, or ``register`` and a weights file. Everything is imported before and each attempt is a fork, so that the
kill falls into the work and not into Python's start.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import mlflow  # noqa: F401 - takes seconds

from gliolabel.cli import main as gliolabel
from gliolabel.registry import Registry
from gliolabel.registry.record import Record  # noqa: F401 - the same
from gliolabel.state import StateFolder


def run(words: list[str]) -> None:
    """What a child does."""
    if words[0] == "register":
        registry = Registry(state=StateFolder(Path(os.environ["GLIOLABEL_STATE"])))
        registry.register(Path(words[1]), parent=None, manifest={"cases": []}, seed=0, metrics={"dice": 0.5}, actor="ann")
    else:
        gliolabel(words)


def attempt(words: list[str], *, after: float | None) -> dict[str, bool | float]:
    """Run them in a child, which is killed after so many seconds unless it has ended."""
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.dup2(2, 1)  # what the command says is not for who reads our answers
            run(words)
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            os._exit(code)
    status = None
    while status is None:
        found, value = os.waitpid(child, os.WNOHANG)
        if found:
            status = value
        elif after is not None and time.monotonic() - began >= after:
            os.kill(child, signal.SIGKILL)
            status = os.waitpid(child, 0)[1]
        else:
            time.sleep(0.0005)
    killed = os.WIFSIGNALED(status)
    if not killed and os.waitstatus_to_exitcode(status):
        raise RuntimeError(f"{words} ended with {os.waitstatus_to_exitcode(status)}")
    return {"killed": killed, "took": time.monotonic() - began}


if __name__ == "__main__":
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(attempt(asked["do"], after=asked["after"])), flush=True)
