"""A series as one volume of a case: made from its images when somebody asks for the file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gliolabel.dicom.cache import EXTENSION, VolumeCache
from gliolabel.dicom.volumes import SeriesVolume
from gliolabel.studies.files import VolumeFile


class SeriesFile(VolumeFile):
    """A volume that is a DICOM series.

    Args:
        stem: name of the file, without what tells one content from another.
        content: what the series is made of: another text when it has other images.
        cache: where its file is kept.
        make: reads the series.
    """

    def __init__(self, stem: str, *, content: str, cache: VolumeCache, make: Callable[[], SeriesVolume]) -> None:
        digest = hashlib.sha256(f"volume 1\n{content}".encode()).hexdigest()
        object.__setattr__(self, "component", None)
        object.__setattr__(self, "_digest", digest)
        object.__setattr__(self, "_stem", f"{stem}-{digest[:12]}")
        object.__setattr__(self, "_cache", cache)
        object.__setattr__(self, "_make", make)

    _digest: str
    _stem: str
    _cache: VolumeCache
    _make: Callable[[], SeriesVolume]

    @property
    def path(self) -> Path:
        """The volume as a file. The first use reads the images, from a PACS over the network.

        Raises:
            InputError: the series cannot be read.
            UnavailableError: the PACS does not answer, or the disk is full.
        """
        return self._cache.file(self._stem, self._make)

    @property
    def extension(self) -> str:
        """See :class:`VolumeFile`."""
        return EXTENSION

    def mark(self) -> str:
        """See :class:`VolumeFile`; no image is read."""
        return f"dicom {self._digest}"

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, SeriesFile) and self._digest == other._digest

    def __hash__(self) -> int:
        return hash(self._digest)

    def __repr__(self) -> str:
        return f"SeriesFile({self._stem})"
