"""The table of volumes that ``gliolabel segment`` writes: one row a case, safe to stop at any moment."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from pathlib import Path

from gliolabel.errors import InputError
from gliolabel.vocabulary import REGIONS

#: What has to be equal for results to belong in one folder.
KEY = ("model", "model_version", "passes", "seed", "processing")

COLUMNS = (
    "case",
    *(f"{region}_{what}" for region in REGIONS for what in ("ml", "ml_p05", "ml_p95")),
    *KEY,
    "device",
    "seconds",
    "warnings",
)


class VolumesTable:
    """A CSV file of rows by case. Each :meth:`put` replaces the whole file at once, so that it is never half written.

    Args:
        path: the file; read if it is there.

    Raises:
        InputError: the file is not a table of ours.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rows: dict[str, dict[str, str]] = {}
        if path.is_file():
            with path.open(newline="", encoding="utf-8") as stream:
                reader = csv.DictReader(stream)
                if tuple(reader.fieldnames or ()) != COLUMNS:
                    raise InputError(f"{path}: expected the columns {', '.join(COLUMNS)}. Name another OUT folder, or remove this file.")
                self._rows = {row["case"]: row for row in reader}

    def rows(self) -> list[dict[str, str]]:
        """All rows, by case id."""
        return [self._rows[case] for case in sorted(self._rows)]

    def has(self, case: str) -> bool:
        """Whether there is a row for the case."""
        return case in self._rows

    def check(self, key: Mapping[str, str]) -> None:
        """See that what is there was made in the same way.

        Raises:
            InputError: another model, version, number of passes, seed or processing.
        """
        for row in self._rows.values():
            for name in KEY:
                if row[name] != key[name]:
                    before, now = row[name] or "the default", key[name] or "the default"
                    raise InputError(
                        f"{self.path}: case {row['case']} has {name} = {before}, now {now} is asked for. "
                        "Name another OUT folder, or segment all again with --overwrite."
                    )

    def put(self, row: Mapping[str, str]) -> None:
        """Add or replace a case's row."""
        self._rows[row["case"]] = {name: row.get(name, "") for name in COLUMNS}
        temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        with temporary.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, COLUMNS)
            writer.writeheader()
            writer.writerows(self.rows())
        os.replace(temporary, self.path)
