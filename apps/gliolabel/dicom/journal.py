"""What is known of a PACS's studies, on disk: after a restart nothing is asked for a second time."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from gliolabel.dicom.series import Series
from gliolabel.errors import UnavailableError


@dataclass(frozen=True)
class StudyRecord:
    """What a PACS said about a study.

    Args:
        mark: another text when images were added.
        series: its series.
    """

    mark: str
    series: tuple[Series, ...]


class Journal:
    """A file to which a line is added for every study that was looked at.

    Args:
        path: the file; None: nothing is kept.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def load(self) -> dict[str, StudyRecord]:
        """What was written down, by StudyInstanceUID; lines that cannot be read (a power cut) are passed over."""
        records: dict[str, StudyRecord] = {}
        if self._path is None or not self._path.is_file():
            return records
        with self._path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                try:
                    found = json.loads(line)
                    if all("patient" in one for one in found["series"]):  # else of an older version: the PACS is asked again
                        records[found["study"]] = StudyRecord(found["mark"], tuple(Series(**one) for one in found["series"]))
                except (ValueError, KeyError, TypeError):
                    continue
        return records

    def add(self, study: str, record: StudyRecord) -> None:
        """Write down what is known of a study.

        Raises:
            UnavailableError: the disk is full.
        """
        self._write({study: record}, mode="a", path=self._path)

    def replace(self, records: Mapping[str, StudyRecord]) -> None:
        """Write down these studies and no others.

        Raises:
            UnavailableError: the disk is full.
        """
        if self._path is not None:
            temporary = self._path.with_name(f".{self._path.name}.{os.getpid()}")
            self._write(records, mode="w", path=temporary)
            os.replace(temporary, self._path)

    def _write(self, records: Mapping[str, StudyRecord], *, mode: str, path: Path | None) -> None:
        if path is None:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with path.open(mode, encoding="utf-8") as stream:
                for study, record in records.items():
                    line = {"study": study, "mark": record.mark, "series": [asdict(one) for one in record.series]}
                    stream.write(json.dumps(line, separators=(",", ":")) + "\n")
        except OSError as error:
            raise UnavailableError(f"{path} cannot be written ({error.strerror or error}). Check the disk's free space") from error
