"""Promotions and rollbacks by the command line, while everything else goes on."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

from tests.soak.ledger import Ledger
from tests.soak.site import MODEL, Site
from tests.soak.trouble import Trouble

_REPOSITORY = Path(__file__).resolve().parents[2]
_PATIENCE_S = 400
ACTOR = "soak"


class Promotions(threading.Thread):
    """Promotes and rolls back until it is told to stop.

    Args:
        site: whose registry.
        ledger: is told of a command that fails without a reason.
        trouble: knows when there is one.
        gap_s: seconds between two commands, on the average.
        seed: of the soak.
        stop: set when it is to end.
    """

    def __init__(self, *, site: Site, ledger: Ledger, trouble: Trouble, gap_s: float, seed: int, stop: threading.Event) -> None:
        super().__init__(name="promotions", daemon=True)
        self.site, self.ledger, self.trouble, self.gap_s, self.stop = site, ledger, trouble, gap_s, stop
        self.chance = random.Random(f"{seed} promotions")
        #: How many changes the commands said they made.
        self.changes = 0
        #: How many were refused for want of space.
        self.refused = 0

    def run(self) -> None:
        while not self.stop.wait(self.chance.uniform(0.3, 1.7) * self.gap_s):
            self.change()

    def change(self) -> None:
        """Promote another version, or roll back."""
        registry = self.site.registry
        served = registry.champion(MODEL).version
        others = [version.version for version in registry.versions(MODEL) if version.version != served]
        if self.chance.random() < 0.5:
            arguments = ["promote", MODEL, self.chance.choice(others), "--override"]
        else:
            arguments = ["rollback", MODEL]
        began = time.monotonic()
        try:
            done = gliolabel(self.site, "models", *arguments, "--reason", "soak", "--actor", ACTOR)
        except subprocess.TimeoutExpired:
            self.ledger.found(f"gliolabel models {' '.join(arguments)}: does not end within {_PATIENCE_S} s")
            return
        said = (done.stdout + done.stderr).strip()
        first = arguments[0] == "rollback" and "nothing to go back to" in said
        if done.returncode == 0:
            self.changes += "is the champion now" in done.stdout
        elif done.returncode in (1, 2) and "Traceback" not in said and (first or self.trouble.disk_was_full(since=began)):
            self.refused += not first
        else:
            self.ledger.found(f"gliolabel models {' '.join(arguments)}: {done.returncode} {said[-1500:]}")


def gliolabel(site: Site, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of ours on the site's state folder."""
    command = [sys.executable, "-m", "gliolabel.cli", "--state", str(site.state), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(_REPOSITORY / "apps"), "OMP_NUM_THREADS": "1", "NO_COLOR": "1", "COLUMNS": "400"}
    return subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S, env=environment, check=False)
