from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from gliolabel.errors import InputError, UnavailableError
from gliolabel.labelserver.readers import Readers
from gliolabel.labelserver.runs import Runs


@pytest.fixture
def readers() -> Readers:
    return Readers()


@pytest.fixture
def runs(readers: Readers) -> Iterator[Runs[str]]:
    runs: Runs[str] = Runs(readers, name="test")
    yield runs
    runs.stop()


class Work:
    """Work of several steps that can be held and counts its makings."""

    def __init__(self, steps: int = 3) -> None:
        self.steps, self.made, self.done = steps, 0, 0
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self, pause: Callable[[], None]) -> str:
        self.made += 1
        for _ in range(self.steps):
            pause()
            self.begun.set()
            assert self.go.wait(10)
            self.done += 1
        return "result"


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "did not happen"
        time.sleep(0.005)


def in_thread(function: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    results: list[object] = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    return thread, results


def test_who_asks_meanwhile_waits_for_the_same_run(readers: Readers, runs: Runs[str]) -> None:
    work = Work()

    def ask() -> str:
        with readers.request():
            return runs.now("k", work, group="case")

    asking = [in_thread(ask) for _ in range(4)]
    work.begun.wait(10)
    work.go.set()
    for thread, results in asking:
        thread.join(10)
        assert results == ["result"]
    assert work.made == 1
    assert not runs.under_way("k")


def test_background_waits_while_a_reader_is_served(readers: Readers, runs: Runs[str]) -> None:
    work = Work()
    work.go.set()
    with readers.request():
        runs.later("k", work, group="case")
        time.sleep(0.2)
        assert work.made == 0
        assert runs.under_way("k")
    until(lambda: work.done == 3)


def test_background_pauses_between_steps(readers: Readers, runs: Runs[str]) -> None:
    work = Work()
    runs.later("k", work, group="case")
    work.begun.wait(10)
    with readers.request():
        work.go.set()
        until(lambda: work.done == 1)
        time.sleep(0.2)
        assert work.done == 1
    until(lambda: work.done == 3)


def test_a_reader_who_waits_for_the_background_lets_it_go_on(readers: Readers, runs: Runs[str]) -> None:
    work = Work()
    runs.later("k", work, group="case")
    work.begun.wait(10)

    def ask() -> str:
        with readers.request():
            return runs.now("k", work, group="case")

    with readers.request():  # somebody else keeps the server busy all the while
        thread, results = in_thread(ask)
        work.go.set()
        thread.join(10)
        assert results == ["result"]
    assert work.made == 1


def test_a_reader_takes_over_a_run_that_only_waits(readers: Readers, runs: Runs[str]) -> None:
    first, second = Work(), Work()
    runs.later("first", first, group="a")
    first.begun.wait(10)
    runs.later("second", second, group="b")
    second.go.set()
    with readers.request():
        assert runs.now("second", second, group="b") == "result"
    assert first.done == 0, "it was not waited for"
    first.go.set()
    until(lambda: first.done == 3)
    assert second.made == 1


def test_the_last_of_a_group_replaces_those_that_wait(readers: Readers, runs: Runs[str]) -> None:
    blocker, old, new = Work(), Work(), Work()
    runs.later("blocker", blocker, group="other")
    blocker.begun.wait(10)
    old.go.set()
    new.go.set()
    runs.later("old", old, group="case")
    runs.later("new", new, group="case")
    blocker.go.set()
    until(lambda: new.done == 3)
    assert old.made == 0


def test_an_error_reaches_all_who_wait_and_the_next_tries_again(readers: Readers, runs: Runs[str]) -> None:
    attempts = []

    def fail(pause: Callable[[], None]) -> str:
        attempts.append(1)
        raise InputError("bad case")

    for _ in range(2):
        with readers.request(), pytest.raises(InputError, match="bad case"):
            runs.now("k", fail, group="case")
    assert len(attempts) == 2
    runs.later("k", fail, group="case")
    until(lambda: len(attempts) == 3)
    work = Work()
    work.go.set()
    runs.later("after", work, group="case")
    until(lambda: work.done == 3)


def test_stopping_gives_up(readers: Readers, runs: Runs[str]) -> None:
    work = Work()
    runs.later("k", work, group="case")
    work.begun.wait(10)
    stopper, _ = in_thread(runs.stop)
    work.go.set()
    stopper.join(10)
    assert not stopper.is_alive()
    assert work.done < 3
    with readers.request(), pytest.raises(UnavailableError):
        runs.now("k", Work(), group="case")
