"""How DICOM studies are read: what a site may choose."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gliolabel.dicom.cache import DEFAULT_GIB


@dataclass(frozen=True)
class DicomOptions:
    """What a site may choose.

    Args:
        rules: the site's own rule file.
        cache: folder for volumes made from series; None: one that goes with this process.
        cache_gib: how much is kept in ``cache``; 0: nothing for longer than it is used.
        search: what studies of a PACS are asked for, as in an address: ``StudyDate=20260101-&StudyDescription=*brain*``.
        follow: look at a PACS again and again in the background, and do not wait for it at the start.
    """

    rules: Path | None = None
    cache: Path | None = None
    cache_gib: float = DEFAULT_GIB
    search: str = ""
    follow: bool = False
