"""The study folder the tests serve: real cases where there are some, else phantoms. Labels are kept back, except one."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gliolabel.phantoms import write_phantom_folder
from gliolabel.studies import Case, open_studies

from .server import REPOSITORY

#: Cases of the usual kind (all three tissues); the last one keeps its label and so is done when the server starts.
REAL_CASES = ("BraTS2021_00495", "BraTS2021_00000", "BraTS2021_00006", "Brats18_TCIA13_623_1")
DATA_VARIABLE = "GLIOLABEL_TEST_DATA"


@dataclass(frozen=True)
class Study:
    """A served folder and the truth about it.

    Args:
        folder: what the server gets: copies.
        truth: the same cases with their labels, outside that folder, by case id.
        done: the case whose label lies beside it in the served folder.
        real: whether these are patients' images or phantoms.
    """

    folder: Path
    truth: dict[str, Case]
    done: str
    real: bool

    @property
    def open_ids(self) -> set[str]:
        """Cases without a label in the served folder."""
        return set(self.truth) - {self.done}

    def label(self, case_id: str) -> np.ndarray:
        """The ground truth, uint8 (z, y, x) with values 0..3."""
        label = self.truth[case_id].read_label()
        assert label is not None, f"the test's own case {case_id} has no label"
        return label


def real_folder() -> Path | None:
    """The folder of real cases, or None; a named folder that does not exist means: phantoms, please."""
    named = os.environ.get(DATA_VARIABLE)
    folder = Path(named) if named else REPOSITORY.parent / "shared" / "data" / "brats"
    return folder if folder.is_dir() else None


def make_study(folder: Path) -> Study:
    """Copy real cases, or write phantoms, and take all labels but one out of what is served."""
    source = real_folder()
    real = source is not None
    if source is None:
        source = folder / "phantoms"
        write_phantom_folder(source, cases=4, seed=7)
    everything = {case.id: case for case in open_studies(source)}
    wanted = [name for name in REAL_CASES if name in everything] if real else []
    truth = {case_id: everything[case_id] for case_id in wanted or sorted(everything)[:4]}
    done = list(truth)[-1]
    served = folder / "studies"
    for case_id, case in truth.items():
        files = [volume.path for volume in case.sequences.values()]
        if case.label is not None and case_id == done:
            files.append(case.label.path)
        for file in files:
            target = served / file.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists():
                shutil.copy(file, target)
    return Study(folder=served, truth=truth, done=done, real=real)
