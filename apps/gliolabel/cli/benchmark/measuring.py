"""Measuring in a process of its own, so that its peak memory is that of one pipeline alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

#: What a failed measurement's message keeps of the process's last words.
_LAST_CHARACTERS = 500


@dataclass(frozen=True)
class Job:
    """One measurement.

    Args:
        pipeline: ``gliolabel`` or ``stock``.
        model: weights file.
        studies: study folder.
        case: id of the case in it.
        passes: passes of the map; 0: none.
        device: torch device; None: the best one.
        check_map: also compute the map pass by pass, and compare.
    """

    pipeline: str
    model: Path
    studies: Path
    case: str
    passes: int
    device: str | None
    check_map: bool = False

    def to_json(self) -> str:
        """One line, for the process that runs it."""
        return json.dumps({name: str(value) if isinstance(value, Path) else value for name, value in asdict(self).items()})

    @classmethod
    def from_json(cls, text: str) -> Job:
        """The reverse of :meth:`to_json`."""
        content = json.loads(text)
        return cls(**{**content, "model": Path(content["model"]), "studies": Path(content["studies"])})


def measure(job: Job) -> dict[str, Any]:
    """Run a measurement and return its row; ``error`` says why there are no numbers, else it is empty.

    A pipeline that needs more memory than there is is killed by the system: that is a result too, not a crash of the benchmark.
    """
    command = [sys.executable, "-m", "gliolabel.cli.benchmark.worker", job.to_json()]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    row: dict[str, Any] = {"pipeline": job.pipeline, "passes": job.passes, "error": ""}
    if done.returncode == 0:
        return row | json.loads(done.stdout.splitlines()[-1])
    words = done.stderr.strip()[-_LAST_CHARACTERS:] or "no message"
    killed = " (killed: out of memory?)" if done.returncode in {-9, 137} else ""
    return row | {"model": job.model.stem, "error": f"exit code {done.returncode}{killed}: {words}"}


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    import psutil
    import torch

    from gliolabel import __version__
    from gliolabel.hardware import processor_name
    from gliolabel.inference.precision import cpu_bf16

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "gliolabel": __version__,
        "torch": torch.__version__,
        "processor": processor_name(),
        "cores": cores,
        "bf16": cpu_bf16(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }
