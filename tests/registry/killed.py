"""Promotes a version in a process that is killed (SIGKILL) at one point, once for each point.

    python killed.py STATE FOLDER POINT        ->   nothing; the exit code tells

Everything is imported before, and each attempt is a fork: the point is reached within a second.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from mlflow import MlflowClient

from gliolabel.registry import Registry
from gliolabel.registry.changing import Changing
from gliolabel.registry.index import Index
from gliolabel.state import StateFolder
from gliolabel.state.audit import AuditLog

#: Method -> killed before it, or after it.
POINTS: dict[str, tuple[type, str, bool]] = {
    "nothing done": (Changing, "begin", False),
    "written down": (Changing, "begin", True),
    "list of champions": (MlflowClient, "set_registered_model_tag", True),
    "alias": (MlflowClient, "set_registered_model_alias", True),
    "challenger taken away": (MlflowClient, "delete_registered_model_alias", True),
    "before served.json": (Index, "write", False),
    "served.json": (Index, "write", True),
    "first audit event": (AuditLog, "add", True),
    "done": (Changing, "end", True),
}


def arm(point: str) -> None:
    """See that this process is killed there."""
    owner, name, after = POINTS[point]
    original = getattr(owner, name)

    def killed(*args: Any, **options: Any) -> None:
        if after:
            original(*args, **options)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, killed)


def main(state: str, version: str) -> None:
    """Reads points from stdin, and says after each that the process is gone."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            arm(line.strip())
            Registry(state=StateFolder(Path(state))).promote("unet3d", version, actor="ann", reason="a test", override=True)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(os.WTERMSIG(status) if os.WIFSIGNALED(status) else -1, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
