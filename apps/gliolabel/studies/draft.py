"""A case while the store puts it together: what was found, before it has its id."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from gliolabel.studies.files import LabelFile, VolumeFile
from gliolabel.studies.numbering import Numbering


@dataclass
class Draft:
    """A case without its id.

    Args:
        folder: its folder relative to the study folder.
        name: its name as the files have it.
        numbering: how its label is numbered.
        sequences: the file of each sequence.
        label: the label beside it.
        empty: files of 0 bytes among them.
        warnings: what was noticed.
    """

    folder: str
    name: str
    numbering: Numbering
    sequences: dict[str, VolumeFile] = field(default_factory=dict)
    label: LabelFile | None = None
    empty: list[Path] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
