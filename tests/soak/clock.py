"""The server's clock: it jumps as on a machine whose time is set right. By Debian's libfaketime, where it is installed."""

from __future__ import annotations

from pathlib import Path

_LIBRARIES = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib*/faketime/libfaketimeMT.so.1")
HOW_TO_HAVE_IT = "libfaketime is not installed (Debian: apt-get install libfaketime)"


def library() -> Path | None:
    """The library, or None where it is not installed."""
    found = [path for pattern in _LIBRARIES for path in Path("/").glob(pattern.lstrip("/"))]
    return found[0] if found else None


class Clock:
    """The clock of all processes that are started with :attr:`environment`.

    Args:
        file: says how far it is off; made here.
        library: libfaketime.
    """

    def __init__(self, file: Path, library: Path) -> None:
        self._file, self._library = file, library
        self.set(0)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            # Waiting goes by the monotonic clock, which does not jump; a file's times are what the disk says.
            "DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
            # Else a process that is killed leaves shared memory behind.
            "FAKETIME_DISABLE_SHM": "1",
        }

    def set(self, seconds: int) -> None:
        """Let the clock be so far off. Processes that run notice within about a second."""
        temporary = self._file.with_suffix(".new")
        temporary.write_text(f"{seconds:+d}\n")
        temporary.replace(self._file)
