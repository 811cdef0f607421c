"""Soak: a real server under several clients, while it is killed, its files are spoiled, its disk is filled and its clock jumps.

Afterwards everything that is stored is compared with what the clients were told. Exit code 1, with what was broken, if anything was.
Synthetic cases and small untrained models: nothing here depends on what they answer, only on whose answer it is.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from tests.soak.report import table
from tests.soak.run import soak


def main() -> int:
    """Run a soak from the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--minutes", type=float, default=10.0, help="how long clients work, not counting the time without a server (default: %(default)s)"
    )
    parser.add_argument("--readers", type=int, default=4, help="clients beside the one that trains (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="decides what is disturbed when (default: %(default)s)")
    parser.add_argument("--gap", type=float, help="seconds between two disturbances (default: forty in all, every 5 s at most)")
    parser.add_argument("--output", type=Path, help="write the figures to this JSON file")
    parser.add_argument("--logs", type=Path, help="copy the servers' logs to this folder")
    options = parser.parse_args()
    # A soak that is told to end leaves no server and no disk behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    logging.getLogger().setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="gliolabel-soak-", ignore_cleanup_errors=True) as folder:
        try:
            result = soak(
                Path(folder),
                seconds=60 * options.minutes,
                readers=options.readers,
                seed=options.seed,
                gap_s=options.gap,
                say=lambda text: print(text, flush=True),
            )
        finally:
            if options.logs:
                _keep_logs(Path(folder), options.logs)
    if options.output:
        options.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print("\n" + "\n".join(table(result)))
    return 1 if result["broken"] else 0


def _keep_logs(folder: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("server-*.log"):
        shutil.copy(path, target)


if __name__ == "__main__":
    sys.exit(main())
