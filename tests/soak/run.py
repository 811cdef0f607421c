"""The soak: clients work, things are disturbed, then it is quiet and everything is looked at."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.disks import small_disk
from tests.labelserver.conftest import Server, serving
from tests.soak.asking import STUCK_S, Asking
from tests.soak.chaos import Chaos
from tests.soak.checking import check_images, check_stored
from tests.soak.clients import Client, Reader, Trainer
from tests.soak.clock import HOW_TO_HAVE_IT, Clock, library
from tests.soak.keeper import Keeper
from tests.soak.ledger import Ledger
from tests.soak.promotions import Promotions, gliolabel
from tests.soak.report import report
from tests.soak.site import MEMORY_GIB, Goldens, Site
from tests.soak.trouble import Trouble

#: The disk of the state folder.
_DISK_KIB = 400 * 1024
_PROGRESS_S = 15.0


def soak(
    folder: Path,
    *,
    seconds: float,
    readers: int = 4,
    seed: int = 0,
    gap_s: float | None = None,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Run a soak.

    Args:
        folder: a new one, on a local disk.
        seconds: how long clients work and things are disturbed, not counting the time without a server.
        readers: how many clients beside the one that trains.
        seed: decides what is disturbed when, and what clients do; not how long the server takes.
        gap_s: seconds between two disturbances, on the average; by default forty in all, but not one more often than every five seconds.
        say: is told what happens.

    Returns:
        What happened; ``broken`` lists what must not.
    """
    folder.mkdir(parents=True, exist_ok=True)
    gap_s = max(5.0, seconds / 40) if gap_s is None else gap_s
    before = os.getloadavg()
    site, ledger, trouble, left_out = Site(folder), Ledger(say), Trouble(), []
    with ExitStack() as stack:
        stack.enter_context(_client_patience())
        disk = _own_disk(stack, site.state, left_out)
        clock = _clock(folder / "clock", left_out)
        say("making cases, models and the first server ...")
        site.make()
        goldens, studies = Goldens(site), site.listing()
        keeper = Keeper(_starter(stack, site, clock), ledger)
        ledger.began = time.monotonic()
        calm, stop = threading.Event(), threading.Event()
        asking = Asking(keeper, ledger, trouble)
        common: dict[str, Any] = {"asking": asking, "site": site, "seed": seed, "stop": stop}
        clients: list[Client] = [Reader(number, folder=folder / f"reader-{number}", **common) for number in range(readers)]
        clients.append(Trainer(readers, folder=folder / "trainer", **common))
        promotions = Promotions(site=site, ledger=ledger, trouble=trouble, gap_s=gap_s, seed=seed, stop=calm)
        chaos = Chaos(
            site=site,
            keeper=keeper,
            ledger=ledger,
            trouble=trouble,
            clock=clock,
            disk=disk,
            gap_s=gap_s,
            seed=seed,
            stop=calm,
            say=lambda what: say(f"{time.monotonic() - ledger.began:6.0f} s  {what}"),
        )
        for thread in (*clients, chaos, promotions):
            thread.start()
        _wait(keeper, ledger, seconds=seconds, unless=lambda: not chaos.is_alive(), say=say)
        calm.set()
        for thread in (chaos, promotions):
            thread.join()
        worked, down = keeper.up_s, keeper.down_s
        stop.set()
        _join(clients, ledger)
        say("everything is quiet; looking at what is left ...")
        _fresh_answers(asking, site, folder / "afterwards")
        _end(keeper, ledger)
        submissions = check_stored(site, ledger, changes=promotions.changes)
        images = check_images(goldens, ledger)
        if site.listing() != studies:
            ledger.found("the study folder is not as it was before")
    return report(
        ledger,
        seconds=worked,
        command=f"python -m tests.soak --minutes {seconds / 60:g} --readers {readers} --seed {seed} --gap {gap_s:g}",
        seed=seed,
        readers=readers,
        down_s=down,
        disturbances=dict(sorted(chaos.done.items())),
        promotions=promotions.changes,
        left_out=left_out,
        submissions=submissions,
        images=images,
        load=(before, os.getloadavg()),
    )


def _own_disk(stack: ExitStack, folder: Path, left_out: list[str]) -> bool:
    """Make the folder a small disk of its own, where this machine lets us."""
    try:
        stack.enter_context(small_disk(folder, kib=_DISK_KIB))
    except pytest.skip.Exception as error:
        left_out.append(f"a full disk: {error}")
        return False
    return True


def _clock(file: Path, left_out: list[str]) -> Clock | None:
    found = library()
    if found is None:
        left_out.append(f"clock jumps: {HOW_TO_HAVE_IT}")
    return Clock(file, found) if found else None


def _starter(stack: ExitStack, site: Site, clock: Clock | None) -> Callable[[], Server]:
    start = stack.enter_context(serving(site.folder, site.weights))
    conf = {"gate": str(site.criteria), "memory": str(MEMORY_GIB)}
    environment = {"TMPDIR": str(site.temporary), **(clock.environment if clock else {})}
    return lambda: start(site.studies, conf=conf, env=environment)


@contextmanager
def _client_patience() -> Iterator[None]:
    """MONAI Label's client waits for ever; here it gives up when the server must be stuck."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(STUCK_S)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _join(clients: Sequence[Client], ledger: Ledger) -> None:
    for client in clients:
        client.join(STUCK_S + 30)
        if client.is_alive():
            ledger.found(f"{client.name} is stuck")


def _wait(keeper: Keeper, ledger: Ledger, *, seconds: float, unless: Callable[[], bool], say: Callable[[str], None]) -> None:
    while (left := seconds - keeper.up_s) > 0 and not unless():
        time.sleep(min(_PROGRESS_S, left))
        stored, broken = sum(1 for _ in ledger.stored()), len(ledger.broken)
        about = f"{len(ledger.answers)} requests, {stored} labels stored, {len(ledger.images)} masks and maps, {broken} broken"
        say(f"{time.monotonic() - ledger.began:6.0f} s  {about}{'' if keeper.up.is_set() else '; no server at the moment'}")


def _fresh_answers(asking: Asking, site: Site, folder: Path) -> None:
    """After all that, a reader who comes new is answered: the queue is not stuck."""
    reader = Reader(999, asking=asking, site=site, folder=folder, seed=0, stop=threading.Event())
    images = len(asking.ledger.images)
    for action in (reader.look, reader.segment, reader.map, reader.open_next, reader.submit, reader.list_cases):
        action()
    if len(asking.ledger.images) < images + 2:
        asking.ledger.found("a fresh click, or a fresh map, is not answered")
    status = asking.ask("train status", lambda: reader.client.train_status(check_if_running=True))
    if status.value:
        asking.ask("train stop", lambda: reader.client.train_stop())
        end = time.monotonic() + 30
        while asking.keeper.trainers() and time.monotonic() < end:
            time.sleep(0.2)
        if asking.keeper.trainers():
            asking.ledger.found("a training does not end when it is stopped")
    done = gliolabel(site, "models", "list")
    if done.returncode:
        asking.ledger.found(f"gliolabel models list: {done.returncode} {(done.stdout + done.stderr)[-1500:]}")


def _end(keeper: Keeper, ledger: Ledger) -> None:
    """Stop the server in order; none of its processes stays."""
    try:
        process = psutil.Process(keeper.server.process.pid)
        everything = [process, *process.children(recursive=True)]
        process.terminate()
        process.wait(120)
    except psutil.Error as error:
        ledger.found(f"the server does not stop when it is told to: {error!r}")
        return
    for alive in psutil.wait_procs(everything, timeout=10)[1]:
        ledger.found(f"a process stays when the server has ended: {alive}")
