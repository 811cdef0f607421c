"""Transforms that were found before, kept as small files."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from gliolabel.errors import UnavailableError
from gliolabel.registration.rigid import Estimate
from gliolabel.state.files import replace_text

_LOG = logging.getLogger(__name__)

#: Another one when registration finds something else.
_VERSION: Final = "rigid 1"


class Transforms:
    """A folder of transforms, one file of half a kilobyte for each pair of volumes.

    Args:
        folder: where; None: nothing is kept.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def get(self, pair: tuple[str, str], find: Callable[[], Estimate]) -> Estimate:
        """The transform of a pair of volumes, found when it is not there.

        Args:
            pair: marks of the reference and of the other volume; another text when the volume is another.
            find: registers them.

        Raises:
            RegistrationError: by ``find``; it is tried again the next time.
        """
        if self._folder is None:
            return find()
        digest = hashlib.sha256("\n".join((_VERSION, *pair)).encode()).hexdigest()
        path = self._folder / f"{digest[:32]}.json"
        try:
            return _read(json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError):
            _LOG.warning("The transform in %s cannot be read and is found again", path.name)
        found = find()
        try:
            replace_text(path, json.dumps(asdict(found)) + "\n")
        except UnavailableError as error:  # the disk is full: the mask can be made all the same
            _LOG.warning("%s", error)
        return found


def _read(content: dict[str, Any]) -> Estimate:
    def numbers(name: str, count: int) -> tuple[float, ...]:
        values = tuple(float(value) for value in content[name])
        if len(values) != count:
            raise ValueError(name)
        return values

    return Estimate(
        **{name: numbers(name, 3) for name in ("centre", "rotation_deg", "translation_mm")},  # type: ignore[arg-type]
        **{name: numbers(name, 2) for name in ("overlap", "similarity")},  # type: ignore[arg-type]
        moved_mm=float(content["moved_mm"]),
    )
