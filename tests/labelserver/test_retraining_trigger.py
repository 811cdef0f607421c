"""When retraining begins by itself, by a clock and a count of our own."""

from __future__ import annotations

from datetime import datetime, time

import pytest

from gliolabel.errors import ConflictError, InputError
from gliolabel.labelserver.configuration import read_configuration
from gliolabel.labelserver.retraining_trigger import RetrainingTrigger
from gliolabel.training.retraining.job import Owner


class World:
    """The clock, the count and the trainings."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 1, 12, 0)
        self.count = 0
        self.running = False
        self.error: Exception | None = None
        self.owners: list[str] = []

    def newly_accepted(self, model: str) -> int:
        assert model == "unet3d"
        return self.count

    def start(self, model: str, request: dict[str, object], *, owner: Owner) -> None:
        if self.error is not None:
            raise self.error
        self.owners.append(owner.name)
        self.count = 0  # a training was begun: the count begins anew

    def trigger(self, *, after: int | None = None, at: time | None = None) -> RetrainingTrigger:
        return RetrainingTrigger("unet3d", self, self, after=after, at=at, clock=lambda: self.time)  # type: ignore[arg-type]


@pytest.fixture
def world() -> World:
    return World()


def test_off_by_default(world: World) -> None:
    trigger = world.trigger()
    world.count = 1000
    assert not trigger.on
    assert not trigger.look()
    assert trigger.sentence() == ""
    assert trigger.info() == {"model": "unet3d", "retrain_after": None, "retrain_at": None, "newly_accepted": None}


def test_after_so_many_labels(world: World) -> None:
    trigger = world.trigger(after=3)
    world.count = 2
    assert not trigger.look()
    assert "after 3 newly accepted labels (2 so far)" in trigger.sentence()
    world.count = 3
    assert trigger.look()
    assert world.owners == ["gliolabel (retrain_after 3)"]
    assert not trigger.look()


def test_at_a_set_hour_once_a_day_if_there_is_something_new(world: World) -> None:
    trigger = world.trigger(at=time(2, 0))
    assert trigger.info()["retrain_at"] == "02:00"
    world.count = 1
    assert not trigger.look(), "it is noon"
    world.time = datetime(2026, 3, 2, 1, 59)
    assert not trigger.look()
    world.time = datetime(2026, 3, 2, 2, 0)
    assert trigger.look()
    world.count = 1
    world.time = datetime(2026, 3, 2, 2, 1)
    assert not trigger.look(), "once a day"
    world.count, world.time = 0, datetime(2026, 3, 3, 2, 0)
    assert not trigger.look(), "nothing new"
    world.count, world.time = 1, datetime(2026, 3, 3, 9, 0)
    assert not trigger.look(), "the hour has passed; not in the middle of the day"
    world.time = datetime(2026, 3, 4, 2, 0, 3)
    assert trigger.look()


def test_an_hour_while_the_server_was_down_is_not_made_up_for(world: World) -> None:
    world.time, world.count = datetime(2026, 3, 2, 8, 0), 5
    trigger = world.trigger(at=time(2, 0))
    assert not trigger.look()


def test_it_waits_for_a_training_that_is_under_way(world: World) -> None:
    trigger = world.trigger(at=time(2, 0))
    world.count, world.running, world.time = 1, True, datetime(2026, 3, 2, 2, 0)
    assert not trigger.look()
    world.running, world.time = False, datetime(2026, 3, 2, 2, 40)
    assert trigger.look()


def test_what_was_refused_is_tried_again_when_there_is_more(world: World) -> None:
    trigger = world.trigger(after=2)
    world.count, world.error = 2, InputError("None of the 2 accepted labels is for training")
    assert not trigger.look()
    world.error = None
    assert not trigger.look(), "nothing has changed"
    world.count = 3
    assert trigger.look()


def test_who_was_quicker_goes_first(world: World) -> None:
    trigger = world.trigger(after=2)
    world.count, world.error = 2, ConflictError("A training is under way")
    assert not trigger.look()
    world.error = None
    assert trigger.look()


@pytest.mark.parametrize(
    ("name", "value"), [("retrain_after", "0"), ("retrain_after", "often"), ("retrain_at", "25:00"), ("retrain_at", "2")]
)
def test_settings_out_of_range_are_refused_at_the_start(name: str, value: str) -> None:
    with pytest.raises(InputError, match=f"--conf {name} '{value}' cannot be used"):
        read_configuration({name: value})


def test_settings_are_read() -> None:
    configuration, _ = read_configuration({"retrain_after": "10", "retrain_at": "02:30"})
    assert (configuration.retrain_after, configuration.retrain_at) == (10, time(2, 30))
