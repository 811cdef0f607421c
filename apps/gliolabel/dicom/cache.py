"""Volumes made from DICOM series, kept as files: as many as there is room for."""

from __future__ import annotations

import atexit
import os
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from gliolabel.dicom.volumes import SeriesVolume
from gliolabel.errors import UnavailableError
from gliolabel.studies.writing import write_volume

#: Format of the files: geometry in double precision.
EXTENSION: Final = ".nrrd"
#: Where nothing else is said, so much is kept (GiB).
DEFAULT_GIB: Final = 20.0
#: A volume that was asked for within this many seconds may be in use and stays.
GRACE_S: Final = 600.0
#: Time of change of every file. Its name says what is in it, so a volume that is made again is the same file to whoever compares times.
_CHANGED_NS: Final = 946_684_800 * 10**9


class VolumeCache:
    """A folder of volumes. What was not used for the longest time goes when there are too many.

    Args:
        folder: where; None: a folder of this process alone that goes with it.
        limit_gib: how much is kept. 0: each volume goes ten minutes after its last use, and all at the end of the process.
    """

    def __init__(self, folder: Path | None = None, *, limit_gib: float = DEFAULT_GIB) -> None:
        self._temporary = None if folder else tempfile.TemporaryDirectory(prefix="gliolabel-dicom-", ignore_cleanup_errors=True)
        self.folder = folder or Path(self._temporary.name)  # type: ignore[union-attr]
        self._limit = int(limit_gib * 2**30)
        self._lock = threading.Lock()
        self._making: dict[str, threading.Lock] = {}
        self._timer: threading.Timer | None = None
        if folder and not self._limit:
            self.sweep(grace_s=0.0)
            atexit.register(self.sweep, grace_s=0.0)

    def file(self, stem: str, make: Callable[[], SeriesVolume]) -> Path:
        """The file of a volume; two threads that ask for the same one make it once.

        Args:
            stem: its name; another one when its content is another.
            make: reads the volume.

        Raises:
            UnavailableError: the disk is full.
        """
        path = self.folder / f"{stem}{EXTENSION}"
        with self._lock:
            lock = self._making.setdefault(stem, threading.Lock())
        with lock:
            if not _used_now(path):
                volume = make()
                try:
                    self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                except OSError as error:
                    raise UnavailableError(f"The folder {self.folder} cannot be made ({error.strerror or error})") from error
                write_volume(volume.array, volume.grid, path, compress=False)
                _used_now(path)
                self.sweep()
        self._sweep_later()
        return path

    def sweep(self, *, grace_s: float = GRACE_S) -> None:
        """Delete what there is no room for, but nothing that was asked for within ``grace_s`` seconds."""
        files = []
        for path in self.folder.glob(f"*{EXTENSION}"):
            try:
                status = path.stat()
            except FileNotFoundError:  # another process was quicker
                continue
            files.append((status.st_atime, status.st_size, path))
        total = sum(size for _, size, _ in files)
        now = time.time()
        for used, size, path in sorted(files):
            if total <= self._limit or now - used < grace_s:
                return
            path.unlink(missing_ok=True)
            total -= size

    def _sweep_later(self) -> None:
        """Without this, the last volumes of the day would stay until the next one is asked for."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = threading.Timer(GRACE_S + 1.0, self.sweep)
            self._timer.daemon = True
            self._timer.start()


def _used_now(path: Path) -> bool:
    """Note that a file is used; False when it is not there."""
    try:
        os.utime(path, ns=(time.time_ns(), _CHANGED_NS))
    except FileNotFoundError:
        return False
    return True
