"""The process of a retraining: it dies with the one that started it, gives way, stops, and says what became of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.training.retraining.phantom_site import Site

from gliolabel.training.retraining.process import RetrainingProcess

pytestmark = pytest.mark.slow

#: Seconds for what takes some on an idle machine.
PATIENCE_S = 120
#: Long enough that no test sees its end.
FOR_EVER = 1000


def said(process: RetrainingProcess, wanted: Callable[[dict[str, Any]], bool], *, seconds: float = PATIENCE_S) -> dict[str, Any]:
    """The first message that is wanted."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and not process.over:
        for message in process.messages(wait=0.1):
            if wanted(dict(message)):
                return dict(message)
    raise AssertionError(f"not said within {seconds} s")


def stepped(message: dict[str, Any]) -> bool:
    return message.get("stats", {}).get("epoch", 0) > 0


def test_it_pauses_and_stops_within_seconds(site: Site) -> None:
    folder = site.job(epochs=FOR_EVER)
    with RetrainingProcess(folder) as process:
        said(process, stepped)
        process.pause(True)
        time.sleep(3)  # a step that has begun is ended
        list(process.messages(wait=0.1))
        time.sleep(3)
        assert list(process.messages(wait=0.1)) == [], "it goes on while a reader waits"
        process.pause(False)
        said(process, stepped)
        before = time.monotonic()
        process.stop()
        outcome = said(process, lambda message: "outcome" in message)["outcome"]
        assert time.monotonic() - before < 15
    assert outcome["status"] == "STOPPED"
    ended = folder.outcome()
    assert ended is not None
    assert ended.status == "STOPPED"


def test_it_is_nicer_than_the_one_that_started_it(site: Site) -> None:
    with RetrainingProcess(site.job(epochs=FOR_EVER)) as process:
        said(process, stepped)
        assert psutil.Process(process.pid).nice() > psutil.Process().nice()


def test_killed_it_says_so_and_can_be_continued(site: Site) -> None:
    folder = site.job()
    with RetrainingProcess(folder) as process:
        said(process, lambda message: message.get("stats", {}).get("epoch", 0) >= 0.3)
        os.kill(process.pid, signal.SIGKILL)
        while not process.over:
            list(process.messages(wait=0.1))
        assert process.how_it_ended() == "was killed by SIGKILL"
    assert folder.outcome() is None
    with RetrainingProcess(folder) as process:
        assert "continued after step" in said(process, lambda message: "continued" in message.get("said", ""))["said"]
        outcome = said(process, lambda message: "outcome" in message)["outcome"]
    assert (outcome["status"], outcome["version"]) == ("DONE", "site-1")


PARENT = """
import sys
from pathlib import Path
from gliolabel.training.retraining.folder import JobFolder
from gliolabel.training.retraining.process import RetrainingProcess
with RetrainingProcess(JobFolder(Path(sys.argv[1]))) as process:
    while not process.over:
        for message in process.messages(wait=0.1):
            print(process.pid, message, flush=True)
"""


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
def test_it_dies_with_the_one_that_started_it(site: Site, sign: signal.Signals) -> None:
    folder = site.job(epochs=FOR_EVER)
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(folder.path)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    line = next(line for line in parent.stdout if "'epoch'" in line)
    child = psutil.Process(int(line.split()[0]))
    parent.send_signal(sign)
    parent.wait(20)
    _, alive = psutil.wait_procs([child], timeout=5)
    assert not alive, "a training goes on without a server"
    assert folder.outcome() is None, "it can be continued"


LIMITED = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
sys.argv = ["retraining", sys.argv[1]]
runpy.run_module("gliolabel.training.retraining", run_name="__main__")
"""


def test_a_full_disk_is_told_and_can_be_continued(site: Site) -> None:
    folder = site.job()
    before = {path: path.read_bytes() for path in site.state.models.rglob("*") if path.is_file()}
    with subprocess.Popen(
        [sys.executable, "-c", LIMITED, str(folder.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        (line,) = [line for line in process.stdout if '"outcome"' in line]
        assert process.stdin is not None
        process.stdin.close()
    assert '"status": "ERROR"' in line
    assert '"final": false' in line
    assert "cannot be written" in line
    assert folder.outcome() is None
    assert {path: path.read_bytes() for path in before} == before
    with RetrainingProcess(folder) as again:  # the disk has room again
        assert said(again, lambda message: "outcome" in message)["outcome"]["status"] == "DONE"


def test_messages_that_are_cut_off_or_printed_by_others_do_not_count(site: Site, tmp_path: Path) -> None:
    (tmp_path / "no-job").mkdir()
    folder = type(site.job())(tmp_path / "no-job")
    with RetrainingProcess(folder) as process:
        outcome = said(process, lambda message: "outcome" in message)["outcome"]
    assert outcome["status"] == "ERROR"
    assert "job.json" in outcome["sentence"]
