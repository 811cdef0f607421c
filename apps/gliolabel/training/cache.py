"""What was prepared once is kept: in memory up to a limit, past that on disk, mapped into memory. Nothing is prepared twice in a run."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from gliolabel.errors import UnavailableError

#: Share of the memory that is free at the start that entries may fill: network, optimiser and batches need the rest.
MEMORY_SHARE = 0.5


class Cache:
    """Tensors by key.

    Args:
        folder: where entries past the limit go; made when needed. Entries of an earlier run are used again, so a key has to name
            everything its tensors depend on (files with their size and time, settings).
        limit_bytes: of all entries in memory together; by default half of what is free now.
        shared: several processes of one run use the folder: every entry goes to disk (the system keeps one copy in memory for all of
            them), and each is made by one process while the others wait for it.
    """

    def __init__(self, folder: Path, *, limit_bytes: int | None = None, shared: bool = False) -> None:
        self.folder = folder
        self.limit_bytes = int(psutil.virtual_memory().available * MEMORY_SHARE) if limit_bytes is None else limit_bytes
        self._shared = shared
        self._entries: dict[str, tuple[Tensor, ...]] = {}
        self._lock = threading.RLock()
        #: Bytes of the entries in memory.
        self.used_bytes = 0

    def get(self, key: str, make: Callable[[], Sequence[Tensor]]) -> tuple[Tensor, ...]:
        """The tensors of a key, made now if they never were. Do not write into them.

        Args:
            key: any text.
            make: called at most once for a key.

        Raises:
            UnavailableError: the disk is full or cannot be written.
            Exception: whatever ``make`` raises; nothing is kept then.
        """
        with self._lock:
            if key not in self._entries:
                self._entries[key] = self._find_or_make(self.folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.safetensors", make)
            return self._entries[key]

    def _find_or_make(self, path: Path, make: Callable[[], Sequence[Tensor]]) -> tuple[Tensor, ...]:
        found = _read(path)
        if found is not None:
            return found
        if self._shared:
            with _locked(path.with_suffix(".lock")):
                found = _read(path)
                return found if found is not None else _written(path, make())
        tensors = tuple(make())
        size = sum(tensor.nbytes for tensor in tensors)
        if self.used_bytes + size > self.limit_bytes:
            return _written(path, tensors)
        self.used_bytes += size
        return tensors


def _read(path: Path) -> tuple[Tensor, ...] | None:
    """The entry, mapped into memory: pages are read when they are used. None when there is none, or when it is damaged."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            return tuple(file.get_tensor(str(index)) for index in range(len(file.keys())))
    except (SafetensorError, OSError):
        return None


def _written(path: Path, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    size = sum(tensor.nbytes for tensor in tensors)
    # Of this process alone, and in place by one rename: nobody ever sees half an entry.
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({str(index): tensor.contiguous() for index, tensor in enumerate(tensors)}, temporary)
        os.replace(temporary, path)
    except (OSError, SafetensorError) as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise UnavailableError(f"the cache {path.parent} cannot be written ({error}): {_room(path.parent, size)}") from error
    written = _read(path)
    if written is None:
        raise UnavailableError(f"the cache {path.parent}: {path.name} was written and cannot be read. Check the disk, then resume")
    return written


def _room(folder: Path, size: int) -> str:
    try:
        free = f"{shutil.disk_usage(folder).free / 2**20:.0f} MiB are free there"
    except OSError:
        free = "the folder is not there"
    return (
        f"{size / 2**20:.0f} MiB are needed for one more case and {free}. Free some space, or use an output folder on another disk; "
        "then resume"
    )


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Wait until no other process works on an entry. The lock goes when its process ends, however it ends."""
    try:
        import fcntl
    except ImportError:
        # Windows has none: two processes may then prepare the same case, and the later one replaces an equal file.
        yield
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w")
    except OSError as error:
        raise UnavailableError(f"the cache {path.parent} cannot be written ({error}). Check the disk's free space, then resume") from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
