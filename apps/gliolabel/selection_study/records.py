"""What is kept of a study: one JSON file for each finished training, written whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from gliolabel.errors import InputError, UnavailableError
from gliolabel.selection_study.trials import Outcome, PoolScore

_STUDY: Final = "study.json"


@dataclass(frozen=True)
class Record:
    """One finished training.

    Args:
        seed: which repetition.
        strategy: who chose the cases; ``first`` or ``all`` for what the strategies of a seed share.
        labelled: the cases, in the order in which they were chosen.
        reasons: why the newest of them were.
        outcome: what the training brought.
        seconds: of everything.
    """

    seed: int
    strategy: str
    labelled: tuple[str, ...]
    reasons: tuple[str, ...]
    outcome: Outcome
    seconds: float

    @property
    def budget(self) -> int:
        """How many cases are annotated."""
        return len(self.labelled)

    def as_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Record:
        """The reverse of :meth:`as_json`."""
        outcome = content["outcome"]
        pool = {case_id: PoolScore(**score) for case_id, score in outcome["pool"].items()}
        return cls(
            seed=content["seed"],
            strategy=content["strategy"],
            labelled=tuple(content["labelled"]),
            reasons=tuple(content["reasons"]),
            outcome=Outcome(**{**outcome, "pool": pool}),
            seconds=content["seconds"],
        )


class Records:
    """The records of a study's folder.

    Args:
        folder: made with the first record.
        identity: what the study is, as JSON: everything on which its results depend besides the seeds.

    Raises:
        InputError: the folder holds another study; says in what it differs.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any]) -> None:
        self.folder = folder
        self._identity = identity
        path = folder / _STUDY
        if not path.is_file():
            return
        there = _read(path)
        differing = sorted(name for name in {*there, *identity} if there.get(name) != identity.get(name))
        if differing:
            raise InputError(
                f"--output {folder}: holds another study ({', '.join(differing)} differ). Name another folder, or repeat the command that "
                "began it"
            )

    def find(self, *, seed: int, strategy: str, budget: int) -> Record | None:
        """The record of a training, None when it was not finished.

        Raises:
            InputError: its file cannot be read.
        """
        path = self._path(seed, strategy, budget)
        return Record.from_json(_read(path)) if path.is_file() else None

    def add(self, record: Record) -> None:
        """Keep the record of a finished training.

        Raises:
            UnavailableError: it cannot be written.
        """
        if not (self.folder / _STUDY).is_file():
            write_json(self.folder / _STUDY, self._identity)
        write_json(self._path(record.seed, record.strategy, record.budget), record.as_json())

    def _path(self, seed: int, strategy: str, budget: int) -> Path:
        return self.folder / f"seed-{seed:02}" / f"{budget:03}-{strategy}.json"


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """:func:`write_whole` of JSON."""
    write_whole(path, (json.dumps(content, indent=1) + "\n").encode())


def write_whole(path: Path, content: bytes) -> None:
    """Write a file in place of what was there, whole or not at all.

    Raises:
        UnavailableError: it cannot be written.
    """
    temporary = path.with_suffix(".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        words = f"{path} cannot be written ({error.strerror or error}). Mend that and repeat the command: it goes on"
        raise UnavailableError(words) from error


def _read(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}). Delete it: that training is then repeated") from error
    return content
