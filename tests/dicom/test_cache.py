"""Volumes made from series are kept within bounds."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gliolabel.dicom import cache
from gliolabel.dicom.cache import VolumeCache
from gliolabel.dicom.volumes import SeriesVolume
from gliolabel.studies import Grid

GRID = Grid((64, 64, 16), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0))
#: A volume of 128 KiB.
VOLUME = SeriesVolume(np.ones(GRID.shape, np.int16), GRID)


def names(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.iterdir())


def old(path: Path, seconds: float) -> None:
    os.utime(path, (time.time() - seconds, path.stat().st_mtime))


def test_a_volume_is_made_once_and_again_after_it_went(tmp_path: Path) -> None:
    made = []

    def make() -> SeriesVolume:
        made.append(1)
        time.sleep(0.1)
        return VOLUME

    store = VolumeCache(tmp_path)
    threads = [threading.Thread(target=store.file, args=("a", make)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    path = store.file("a", make)
    before, content = path.stat(), path.read_bytes()
    path.unlink()
    assert store.file("a", make) == path
    assert len(made) == 2
    assert path.read_bytes() == content
    assert (path.stat().st_mtime_ns, path.stat().st_size) == (before.st_mtime_ns, before.st_size), "nobody takes it for another file"


def test_the_least_used_go_first_and_those_in_use_stay(tmp_path: Path) -> None:
    store = VolumeCache(tmp_path, limit_gib=300 / 2**20)  # room for two
    for name, age in (("a", 3000), ("b", 9000), ("c", 2000)):
        old(store.file(name, lambda: VOLUME), age)
    store.sweep()
    assert names(tmp_path) == ["a", "c"]
    for name in ("d", "e", "f"):
        store.file(name, lambda: VOLUME)
    assert names(tmp_path) == ["d", "e", "f"], "asked for just now"


def test_turned_off_nothing_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "GRACE_S", -0.9)
    exits: list[Callable[[], None]] = []
    monkeypatch.setattr(cache.atexit, "register", lambda function, **options: exits.append(lambda: function(**options)))
    store = VolumeCache(tmp_path, limit_gib=0.0)
    old(store.file("a", lambda: VOLUME), 3600)
    deadline = time.monotonic() + 20
    while names(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert names(tmp_path) == [], "it goes by itself"
    store.file("b", lambda: VOLUME)
    exits[0]()
    assert names(tmp_path) == []
    (tmp_path / "left.nrrd").write_bytes(b"of a process that was killed")
    VolumeCache(tmp_path, limit_gib=0.0)
    assert names(tmp_path) == []


def test_a_folder_of_its_own_goes_with_the_process() -> None:
    code = "from tests.dicom.test_cache import *; path = VolumeCache().file('a', lambda: VOLUME); print(path, path.is_file())"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    path, was_there = run.stdout.split()
    assert was_there == "True"
    assert not Path(path).parent.exists()


def test_a_volume_that_cannot_be_read_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> SeriesVolume:
        raise ValueError("no")

    store = VolumeCache(tmp_path / "new")
    with pytest.raises(ValueError, match="no"):
        store.file("a", fail)
    assert not (tmp_path / "new").exists()
