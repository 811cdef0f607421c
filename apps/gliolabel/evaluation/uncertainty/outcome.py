"""What is kept of one model's uncertainty on one case: plain numbers, a JSON file each, so that an interrupted run goes on where it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from gliolabel.evaluation.files import write_whole
from gliolabel.evaluation.kept import key_of

#: Raised whenever the same weights and files would give other numbers.
FORMAT: Final[int] = 1


@dataclass(frozen=True)
class UncertaintyOutcome:
    """One model on one case it never saw.

    Args:
        case: id of the case.
        patient: the person.
        device: where it ran.
        seed: seed of the passes.
        seconds: of the passes, by their number.
        dice: Dice of the served mask, by region.
        wrong_ml: mL of the brain that are labelled wrong, by region; and ``label``, of any label.
        best_aurc: the AURC that no map can beat, by region.
        maps: numbers of :func:`~gliolabel.evaluation.uncertainty.numbers.judge_map`, by map, number of passes (``"0"`` for the baselines)
            and region.
        curves: the curves, by map and region, of the baselines and of the largest number of passes.
        change: mean absolute difference of the served map in the brain from that of the largest number of passes, by number of passes.
        scores: by number of passes and region, as in :class:`~gliolabel.inference.UncertaintyMaps`.
        doubt: what cases are ranked by, by ranking and number of passes.
        reliability: counts for the calibration by region, of the served probabilities (``"0"``) and of the mean over passes.
        places: share of the wrong voxels near the first places, by ranking and number of passes; None where nothing is wrong.
        warnings: sentences for the reader.
    """

    case: str
    patient: str
    device: str
    seed: int
    seconds: Mapping[str, float]
    dice: Mapping[str, float]
    wrong_ml: Mapping[str, float]
    best_aurc: Mapping[str, float]
    maps: Mapping[str, Mapping[str, Mapping[str, Mapping[str, float]]]]
    curves: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]]
    change: Mapping[str, float]
    scores: Mapping[str, Mapping[str, Mapping[str, float | None]]]
    doubt: Mapping[str, Mapping[str, float]]
    reliability: Mapping[str, Mapping[str, Mapping[str, Sequence[int]]]]
    places: Mapping[str, Mapping[str, float | None]]
    warnings: Sequence[str] = ()

    @property
    def mean_dice(self) -> float:
        """Mean Dice over the regions."""
        return sum(self.dice.values()) / len(self.dice)

    def as_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return asdict(self)


def outcome_key(*, weights: str, device: str, case: Mapping[str, str], counts: Sequence[int], seed: int) -> str:
    """A hash of all that an outcome depends on.

    Args:
        weights: SHA-256 of the weights file.
        device: where the model runs, and in which format.
        case: SHA-256 of the case's files.
        counts: numbers of passes.
        seed: seed of the passes.
    """
    content = [FORMAT, key_of(weights=weights, device=device, case=case), list(counts), seed]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


class KeptUncertainty:
    """The outcomes of one model: ``FOLDER/CASE.json``.

    Args:
        folder: where they live; made when needed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, case_id: str, key: str) -> UncertaintyOutcome | None:
        """The outcome of a case, if it was made from exactly what ``key`` stands for and its file is whole."""
        try:
            content = json.loads((self.folder / f"{case_id}.json").read_text(encoding="utf-8"))
            return UncertaintyOutcome(**content["outcome"]) if content["key"] == key else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def put(self, outcome: UncertaintyOutcome, *, key: str) -> None:
        """Keep an outcome.

        Raises:
            UnavailableError: the disk is full or cannot be written.
        """
        text = json.dumps({"key": key, "outcome": outcome.as_json()}, allow_nan=False)
        write_whole(self.folder / f"{outcome.case}.json", lambda path: path.write_text(text + "\n", encoding="utf-8"))
