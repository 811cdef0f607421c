"""Disks that are full, small, or can only be read: real ones, not pretended."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def no_file_longer_than(length: int) -> Iterator[None]:
    """Every write beyond so many bytes of a file fails in the system, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (length, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def small_disk(folder: Path, *, kib: int) -> Iterator[Path]:
    """A disk of its own at ``folder``, which is made. The test is skipped on a machine that does not let us mount one."""
    folder.mkdir()
    with _mounted("-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", folder):
        yield folder


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """What lies in ``folder`` can only be read, also by root. Files that are open stay as they are. Skipped where we cannot mount."""
    with _mounted("-o", "bind,ro", folder, folder):
        yield


def fill(disk: Path, *, leave: int = 0) -> Path:
    """A file that fills a disk but for so many bytes."""
    path, block = disk / "fill", b"x" * 4096
    with path.open("wb", buffering=0) as stream:
        try:
            while stream.write(block):
                pass
        except OSError:
            pass
        stream.truncate(max(0, stream.tell() - leave))
    return path


@contextmanager
def _mounted(*words: str | Path) -> Iterator[None]:
    done = subprocess.run(["mount", *map(str, words)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"this machine does not let us mount: {done.stderr.strip()}")
    try:
        yield
    finally:
        # Lazily: a process that is being stopped may still have a file open.
        subprocess.run(["umount", "--lazy", str(words[-1])], check=True)
