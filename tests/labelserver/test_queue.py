"""Whose turn it is to compute, who is told to come back, and what becomes of a client that went away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests
from fastapi import FastAPI, Request
from tests.labelserver.threads import site

from gliolabel.labelserver.door.install import install_door
from gliolabel.labelserver.queueing import BusyError, GoneError, Kind, Line, StoppedError, Ticket
from gliolabel.labelserver.queueing import line as line_module
from gliolabel.labelserver.queueing.serving import Serving
from gliolabel.labelserver.readers import Readers
from gliolabel.labelserver.runs import Runs


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "did not happen"
        time.sleep(0.005)


class Office:
    """Requests in threads of their own; what they compute is held until it is let go, and noted in its order."""

    def __init__(self, line: Line) -> None:
        self.line, self.order, self.go = line, list[str](), dict[str, threading.Event]()
        self.errors: dict[str, BaseException] = {}
        self.threads: list[threading.Thread] = []

    def ask(self, name: str, reader: str, kind: Kind = Kind.MASK, *, steps: int = 1) -> Ticket:
        ticket = self.line.join(reader=reader, kind=kind, work=name) if kind < Kind.BACKGROUND else self.line.background(name)
        self.go[name] = threading.Event()

        def work() -> None:
            try:
                with ticket, ticket.turn():
                    self.order.append(name)
                    assert self.go[name].wait(20)
                    for step in range(1, steps):
                        ticket.check()
                        self.order.append(f"{name} {step}")
            except Exception as error:
                self.errors[name] = error

        thread = threading.Thread(target=work)
        thread.start()
        self.threads.append(thread)
        return ticket

    def done(self) -> list[str]:
        for event in self.go.values():
            event.set()
        for thread in self.threads:
            thread.join(20)
            assert not thread.is_alive()
        return self.order


@pytest.fixture
def office() -> Office:
    return Office(Line(8))


def computing(office: Office, name: str) -> None:
    until(lambda: name in office.order)


def all_wait(office: Office, count: int) -> None:
    until(lambda: office.line.status()["waiting"] == count)


# --- the order


def test_one_computes_at_a_time_and_masks_come_before_maps_before_the_background(office: Office) -> None:
    office.ask("first", "ann")
    computing(office, "first")
    office.ask("background", "", Kind.BACKGROUND)
    office.ask("map", "ben", Kind.MAP)
    office.ask("mask", "cem", Kind.MASK)
    all_wait(office, 2)
    assert office.order == ["first"]
    assert office.done() == ["first", "mask", "map", "background"]


def test_one_readers_many_requests_do_not_stand_before_anothers_click(office: Office) -> None:
    for number in range(5):
        office.ask(f"ann {number}", "ann")
    computing(office, "ann 0")
    all_wait(office, 4)
    late = office.ask("ben", "ben")
    all_wait(office, 5)
    assert office.line.status("ben")["ahead"] == [1]
    assert office.line.status("ann")["ahead"] == [2, 3, 4, 5]
    assert office.done() == ["ann 0", "ben", "ann 1", "ann 2", "ann 3", "ann 4"]
    assert late.waited_s > 0


def test_a_reader_is_told_of_each_request_of_theirs(office: Office) -> None:
    office.ask("ben 0", "ben")
    computing(office, "ben 0")
    office.ask("ann 0", "ann")
    office.ask("ann 1", "ann", Kind.MAP)
    all_wait(office, 2)
    told = office.line.status("ann")["mine"]
    assert [(entry["work"], entry["state"], entry["ahead"]) for entry in told] == [("ann 0", "waiting", 1), ("ann 1", "waiting", 2)]
    assert {(entry["done_s"], entry["rest_s"]) for entry in told} == {(0.0, None)}, "nothing was measured yet"
    (computed,) = office.line.status("ben")["mine"]
    assert (computed["state"], computed["ahead"]) == ("computing", 0)
    office.done()
    again = office.ask("ann 0", "ann")
    until(lambda: office.order.count("ann 0") == 2)
    (entry,) = office.line.status("ann")["mine"]
    assert entry["rest_s"] >= 1.0, "such work was done before"
    assert office.line.status("nobody")["mine"] == office.line.status()["mine"] == []
    office.done()
    assert again.reader == "ann"


def test_readers_take_turns(office: Office) -> None:
    office.ask("held", "cem")
    computing(office, "held")
    for reader in ("ann", "ben"):
        for number in range(3):
            office.ask(f"{reader} {number}", reader)
            all_wait(office, len(office.threads) - 1)
    assert office.done() == ["held", "ann 0", "ben 0", "ann 1", "ben 1", "ann 2", "ben 2"]


def test_a_map_lets_a_mask_go_first_between_passes_and_is_then_finished_before_other_maps(office: Office) -> None:
    office.ask("map", "ann", Kind.MAP, steps=3)
    computing(office, "map")
    office.ask("other map", "ben", Kind.MAP)
    office.ask("mask", "cem")
    all_wait(office, 2)
    assert office.done() == ["map", "mask", "map 1", "map 2", "other map"]


def test_masks_without_end_do_not_keep_a_map_waiting_without_end(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_module, "_PATIENCE_S", 0.05)
    monkeypatch.setattr(line_module, "_LOOK_S", 0.01)
    office.ask("first", "ann")
    computing(office, "first")
    for number in range(3):
        office.ask(f"ann {number}", "ann")
    map_of_ben = office.ask("map", "ben", Kind.MAP)
    until(lambda: map_of_ben.impatient)
    assert office.done() == ["first", "map", "ann 0", "ann 1", "ann 2"]


# --- the bound


def test_beyond_the_bound_one_is_told_how_many_are_ahead_and_when_to_come_back() -> None:
    office = Office(Line(2))
    office.ask("quick", "ann")
    assert office.done() == ["quick"]  # so there is a measurement
    for number, reader in enumerate(("ann", "ben", "cem")):
        office.ask(f"{number}", reader)
    computing(office, "0")
    all_wait(office, 2)
    with pytest.raises(BusyError, match=r"3 ahead of you, about 3 s\. Try again in 1 s") as error:
        office.line.join(reader="dot", kind=Kind.MASK, work="quick")
    assert (error.value.status, error.value.ahead, error.value.retry_after_s) == (503, 3, 1)
    # Of two readers' requests only the first stands before a third one's: what is refused is a fourth reader, or a reader's fourth.
    assert office.done() == ["quick", "0", "1", "2"]
    assert office.line.join(reader="dot", kind=Kind.MASK, work="quick")


def test_a_mask_is_not_refused_because_of_maps() -> None:
    office = Office(Line(1))
    office.ask("map 0", "ann", Kind.MAP)
    computing(office, "map 0")
    office.ask("map 1", "ben", Kind.MAP)
    all_wait(office, 1)
    with pytest.raises(BusyError, match="2 ahead"):
        office.line.join(reader="cem", kind=Kind.MAP, work="map")
    office.ask("mask", "cem")
    assert office.done() == ["map 0", "mask", "map 1"]


def flood(line: Line, *readers: str) -> list[Ticket]:
    """The tickets that these requests got before one was refused."""
    tickets = []
    for reader in readers:
        try:
            tickets.append(line.join(reader=reader, kind=Kind.MASK, work="mask"))
        except BusyError:
            return tickets
    raise AssertionError("nobody was refused")


def test_ever_new_names_do_not_help() -> None:
    line = Line(1)
    tickets = flood(line, *(f"reader {number}" for number in range(1000)))
    assert len(tickets) <= line.most
    for ticket in tickets:
        with ticket:
            pass
    assert line.status() == {"computing": False, "waiting": 0, "bound": 1, "about_s": 0.0, "ahead": [], "mine": []}


def test_one_readers_flood_does_not_refuse_another() -> None:
    line = Line(3)
    assert len(flood(line, *["ann"] * 1000)) == 4
    assert line.join(reader="ben", kind=Kind.MASK, work="mask")


# --- going away


def test_who_goes_away_frees_the_ticket_and_stops_computing(office: Office) -> None:
    working = office.ask("working", "ann", steps=100)
    computing(office, "working")
    waiting = office.ask("waiting", "ben")
    office.ask("last", "cem")
    all_wait(office, 2)
    waiting.leave()
    until(lambda: "waiting" in office.errors)
    assert office.line.status("cem")["ahead"] == [1]
    working.leave()
    assert office.done() == ["working", "last"], "none of its further steps"
    assert {type(error) for error in office.errors.values()} == {GoneError}


def test_when_the_server_stops_nobody_waits(office: Office) -> None:
    office.ask("working", "ann", steps=2)
    computing(office, "working")
    office.ask("waiting", "ben")
    all_wait(office, 1)
    office.line.give_up()
    assert office.done() == ["working"]
    assert {type(error) for error in office.errors.values()} == {StoppedError}


# --- runs that several wait for


class Map:
    """A run of three passes that can be held."""

    def __init__(self) -> None:
        self.passes, self.made = 0, 0
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self, pause: Callable[[], None]) -> str:
        self.made += 1
        for _ in range(3):
            pause()
            self.begun.set()
            assert self.go.wait(20)
            self.passes += 1
        return "map"


class Asking:
    """Somebody who asks for a run with a ticket, in a thread."""

    def __init__(self, line: Line, readers: Readers, runs: Runs[str], make: Map, reader: str) -> None:
        self.ticket, self.answer = line.join(reader=reader, kind=Kind.MAP, work="map"), list[Any]()

        def work() -> None:
            try:
                with readers.request(), self.ticket:
                    self.answer.append(runs.now("key", make, group="case", ticket=self.ticket))
            except Exception as error:
                self.answer.append(error)

        self.thread = threading.Thread(target=work)
        self.thread.start()

    def result(self) -> Any:
        self.thread.join(20)
        return self.answer[0]


@pytest.mark.parametrize("maker", ["a request", "the background"])
def test_a_run_goes_on_for_who_still_waits_and_stops_when_nobody_does(maker: str) -> None:
    line, readers = Line(8), Readers()
    runs: Runs[str] = Runs(readers, name="maps", line=line)
    make = Map()
    if maker == "the background":
        runs.later("key", make, group="case")
        make.begun.wait(20)
    ann = Asking(line, readers, runs, make, "ann")
    make.begun.wait(20)
    ben = Asking(line, readers, runs, make, "ben")
    until(lambda: runs._runs["key"].waiting == (1 if maker == "a request" else 2))
    ann.ticket.leave()
    if maker == "the background":
        assert isinstance(ann.result(), GoneError), "who only waits is free at once"
    make.go.set()
    assert ben.result() == "map"
    assert (make.made, make.passes) == (1, 3)
    # Now alone.
    alone = Map()
    cem = Asking(line, readers, runs, alone, "cem")
    alone.begun.wait(20)
    cem.ticket.leave()
    alone.go.set()
    assert isinstance(cem.result(), GoneError)
    assert alone.passes == 1
    assert not runs.busy
    runs.stop()


def test_a_map_in_the_background_that_somebody_waits_for_passes_other_work() -> None:
    line, readers = Line(8), Readers()
    runs: Runs[str] = Runs(readers, name="maps", line=line)
    make = Map()
    runs.later("key", make, group="case")
    make.begun.wait(20)
    with readers.request():  # somebody else is served all the while
        ann = Asking(line, readers, runs, make, "ann")
        until(lambda: runs._runs["key"].waiting == 1)
        make.go.set()
        assert ann.result() == "map"
    runs.stop()


# --- behind a real socket


def test_a_client_that_closes_its_connection_is_noticed_while_the_server_answers_others() -> None:
    line = Line(8)
    serving = Serving(line.most)
    server = FastAPI()
    steps: list[int] = []
    ended: list[BaseException] = []

    @server.post("/infer")
    async def infer(http: Request) -> str:
        await http.body()
        ticket = line.join(reader="ann", kind=Kind.MASK, work="mask")

        def work() -> str:
            try:
                with ticket.turn():
                    for step in range(2000):
                        ticket.check()
                        steps.append(step)
                        time.sleep(0.01)
            except GoneError as error:
                ended.append(error)
                raise
            return "done"

        return await serving.answer(http, ticket, work)

    @server.get("/info")
    def info() -> dict[str, Any]:
        return line.status("ann")

    with site(server, install_door) as running:
        with pytest.raises(requests.Timeout):
            requests.post(f"{running.url}/infer", data=b"x" * 100_000, timeout=0.5)
        assert steps
        until(lambda: ended)
        assert len(steps) < 1000
        assert requests.get(f"{running.url}/info", timeout=5).json()["waiting"] == 0


def test_many_that_wait_leave_threads_for_short_requests() -> None:
    line = Line(100)
    serving = Serving(line.most)
    server = FastAPI()
    go = threading.Event()

    @server.post("/infer")
    async def infer(http: Request) -> str:
        ticket = line.join(reader="ann", kind=Kind.MASK, work="mask")

        def work() -> str:
            with ticket.turn():
                assert go.wait(20)
            return "done"

        return await serving.answer(http, ticket, work)

    @server.get("/info")
    def info() -> dict[str, Any]:
        return line.status()

    with site(server, install_door) as running:
        answers: list[str] = []
        asking = [
            threading.Thread(target=lambda: answers.append(requests.post(f"{running.url}/infer", timeout=30).json())) for _ in range(60)
        ]
        for thread in asking:
            thread.start()
        until(lambda: requests.get(f"{running.url}/info", timeout=5).json()["waiting"] == 59)
        go.set()
        for thread in asking:
            thread.join()
        assert answers == ["done"] * 60


def test_the_refusal_says_when_to_come_back() -> None:
    server = FastAPI()
    line = Line(1)

    @server.post("/infer")
    async def infer() -> str:
        line.join(reader="ann", kind=Kind.MASK, work="mask")
        return "a ticket"

    with site(server, install_door) as running:
        answers = [requests.post(f"{running.url}/infer", timeout=5) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 503]
    assert answers[-1].headers["Retry-After"] == "5"
    assert "2 ahead of you" in answers[-1].json()["detail"]
