"""Finished cases on disk, so that an interrupted evaluation goes on where it was.

``OUTPUT/cases/MODEL-HASH/CASE.json`` holds the numbers and the key of what they were made from, ``CASE.npz`` the snapshots,
and the mask where somebody wants it later.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from gliolabel.evaluation.files import write_whole
from gliolabel.evaluation.outcomes import Outcome, Snapshot

#: Raised whenever the same weights and files would give other content.
FORMAT: Final[int] = 2

#: Name of the mask among the arrays.
_MASK: Final = "mask"


def key_of(*, weights: str, device: str, case: Mapping[str, str]) -> str:
    """A hash of all that an outcome depends on.

    Args:
        weights: SHA-256 of the weights file, which holds the recipe too.
        device: where the model runs, and in which format.
        case: SHA-256 of the case's files.
    """
    return hashlib.sha256(json.dumps([FORMAT, weights, device, dict(case)], sort_keys=True).encode()).hexdigest()


class KeptOutcomes:
    """The outcomes of one model.

    Args:
        folder: where they live; made when needed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, case_id: str, key: str) -> Outcome | None:
        """The outcome of a case, if it was made from exactly what ``key`` stands for and both its files are whole."""
        try:
            content = json.loads(self._path(case_id, ".json").read_text(encoding="utf-8"))
            if content["key"] != key or not zipfile.is_zipfile(self._path(case_id, ".npz")):
                return None
            return Outcome.from_json(content["outcome"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def put(self, outcome: Outcome, snapshots: Mapping[str, Snapshot], *, key: str, mask: np.ndarray | None = None) -> None:
        """Keep an outcome. Its JSON comes last: where it lies, the snapshots do.

        Args:
            outcome: the numbers.
            snapshots: slices by region.
            key: see :func:`key_of`.
            mask: uint8 (z, y, x), kept too when it is given.

        Raises:
            UnavailableError: the disk is full or cannot be written.
        """
        arrays: dict[str, Any] = {} if mask is None else {_MASK: mask}
        for region, shot in snapshots.items():
            arrays |= {f"{region}.image": shot.image, f"{region}.truth": shot.truth, f"{region}.predicted": shot.predicted}
            arrays[f"{region}.about"] = np.array([str(shot.number), str(shot.slices), shot.sequence])
        write_whole(self._path(outcome.case, ".npz"), lambda path: np.savez_compressed(path, **arrays))
        text = json.dumps({"key": key, "outcome": outcome.as_json()}, indent=1, allow_nan=False)
        write_whole(self._path(outcome.case, ".json"), lambda path: path.write_text(text + "\n", encoding="utf-8"))

    def snapshots(self, case_id: str) -> dict[str, Snapshot]:
        """The snapshots of a finished case."""
        found: dict[str, Snapshot] = {}
        with np.load(self._path(case_id, ".npz"), allow_pickle=False) as arrays:
            for region in sorted({name.rsplit(".", 1)[0] for name in arrays.files if name != _MASK}):
                number, slices, sequence = arrays[f"{region}.about"].tolist()
                image, truth, predicted = (arrays[f"{region}.{what}"] for what in ("image", "truth", "predicted"))
                found[region] = Snapshot(image, truth, predicted, number=int(number), slices=int(slices), sequence=sequence)
        return found

    def mask(self, case_id: str) -> np.ndarray | None:
        """The mask of a finished case, None when none was kept."""
        with np.load(self._path(case_id, ".npz"), allow_pickle=False) as arrays:
            return arrays[_MASK] if _MASK in arrays.files else None

    def _path(self, case_id: str, ending: str) -> Path:
        return self.folder / f"{case_id}{ending}"
