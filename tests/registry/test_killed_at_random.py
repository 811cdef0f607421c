"""`gliolabel models promote` and `rollback`, and registrations, are killed at random moments: nothing is half done."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gliolabel.errors import UnknownError
from gliolabel.registry import Registry
from gliolabel.state import Database, StateFolder
from gliolabel.state.audit import AuditLog
from gliolabel.state.files import file_sha256

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SCRIPT = Path(__file__).with_name("killed_at_random.py")
#: Kills per kind of change.
KILLS = 10
#: Of how much of the time that a change takes when it is left alone the moments are drawn.
SPREAD = 1.1


class Killer:
    """Does things in processes that are killed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __call__(self, *words: str, after: float | None = None) -> dict[str, Any]:
        """``{"killed": bool, "took": seconds}`` of a command that is killed after so many seconds, or not at all."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": words, "after": after}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the command failed; see what it wrote to stderr"
        answer: dict[str, Any] = json.loads(line)
        return answer


@pytest.fixture
def do(state: StateFolder, starters: Path) -> Iterator[Killer]:
    Registry(starters, state=state)  # remembers where the starter versions are
    environment = {**os.environ, "GLIOLABEL_STATE": str(state.path)}
    with subprocess.Popen(
        [sys.executable, str(SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        yield Killer(process)
        assert process.stdin is not None
        process.stdin.close()


def register(registry: Registry, path: Path) -> None:
    registry.register(path, parent=None, manifest={"cases": []}, seed=0, metrics={}, actor="ann")


def check_champion(state: StateFolder) -> str:
    """The champion as a server finds it, which must be exactly what was registered. Returns its name."""
    registry = Registry(state=state)
    champion = registry.champion("unet3d")
    entry = registry.entry("unet3d", champion.version)
    assert entry is not None
    assert file_sha256(champion.path) == entry.sha256
    champion.build()
    return champion.version


def changes_in_the_log(state: StateFolder) -> list[tuple[str, str]]:
    database = Database(state)
    found = [(row.event, row.version) for row in AuditLog(database).entries()]
    database.close()
    return found


def left_of_the_killed(state: StateFolder) -> set[str]:
    """Files of changes that were under way."""
    return {path.name for path in state.models.iterdir() if path.name.startswith((".", "changing"))}


def test_promotions_and_rollbacks(do: Killer, state: StateFolder, trained: Callable[..., Path]) -> None:
    moments = random.Random(11)
    registry = Registry(state=state)
    register(registry, trained("site-1"))
    promote = ("models", "promote", "unet3d", "site-1", "--override", "--reason", "a test", "--actor", "ann")
    rollback = ("models", "rollback", "unet3d", "--reason", "a test", "--actor", "ben")
    took = {words: do(*words)["took"] for words in (promote, rollback)}
    events = changes_in_the_log(state)
    assert events == [("override", "site-1"), ("promotion", "site-1"), ("rollback", "starter-1")]
    killed = 0
    for number in range(2 * KILLS):
        before = check_champion(state)
        words = promote if before == "starter-1" else rollback
        killed += do(*words, after=moments.uniform(0, SPREAD * took[words]))["killed"]
        assert check_champion(state) in ("starter-1", "site-1")
        registry.catch_up()
        after = check_champion(state)
        assert "changing.json" not in left_of_the_killed(state)
        done = [] if after == before else events[:2] if words == promote else events[2:3]
        new = changes_in_the_log(state)
        assert new == events + done, f"kill {number}: the audit log tells exactly what took place"
        events = events[:3] if new == events[:3] else new
        assert registry.before("unet3d") == (("starter-1",) if after == "site-1" else ())
        assert [version.version for version in registry.versions("unet3d")] == ["starter-1", "site-1"]
    assert killed >= KILLS, "most of them were under way"
    # Everything works as before.
    if check_champion(state) == "site-1":
        do(*rollback)
    do(*promote)
    assert check_champion(state) == "site-1"
    assert left_of_the_killed(state) == set()


def test_registrations(do: Killer, state: StateFolder, trained: Callable[..., Path]) -> None:
    moments = random.Random(12)
    registry = Registry(state=state)
    took = do("register", str(trained("site-1")))["took"]
    killed = 0
    for number in range(2, KILLS + 2):
        name = f"site-{number}"
        path = trained(name, seed=number)
        was_killed = do("register", str(path), after=moments.uniform(0, took))["killed"]
        killed += was_killed
        assert check_champion(state) == "starter-1"
        registry.catch_up()
        check_champion(state)
        names = [version.version for version in registry.versions("unet3d")]
        expected = ["starter-1", *(f"site-{before}" for before in range(1, number))]
        assert names in (expected, [*expected, name]), "whole or absent"
        if name not in names:
            assert was_killed
            with pytest.raises(UnknownError):
                registry.version("unet3d", name)
            # Done again, as a training does that is continued.
            do("register", str(path))
        version = registry.version("unet3d", name)
        assert version.sha256() == file_sha256(version.path) == file_sha256(path)
        challenger = registry.challenger("unet3d")
        assert challenger is not None
        assert challenger.version == name
        details = registry.details("unet3d", name)
        assert details["manifest"] == {"cases": []}
    assert killed >= KILLS // 2, "most of them were under way"
    do("register", str(trained("site-1")))
    assert left_of_the_killed(state) == set()
    # No weights file is there twice.
    files = list((state.models / "artifacts").rglob("*.safetensors"))
    assert len({file_sha256(file) for file in files}) == len(files) == KILLS + 2
