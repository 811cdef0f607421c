"""A hospital of phantoms: small cases with labels, a small network that learned a little of others, and what a retraining is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gliolabel.phantoms.phantom import make_phantom
from gliolabel.phantoms.writing import write_phantom_case
from gliolabel.recipes import ModelVersion, Recipe, load_recipe, save_model_version
from gliolabel.registry import Registry
from gliolabel.state import StateFolder
from gliolabel.state.files import file_sha256
from gliolabel.state.roles import Role
from gliolabel.studies import Case, open_studies
from gliolabel.studies.writing import write_volume
from gliolabel.training.cache import Cache
from gliolabel.training.data import patch_data
from gliolabel.training.engine import Training
from gliolabel.training.provenance import describe_training
from gliolabel.training.retraining.folder import JobFolder
from gliolabel.training.retraining.job import Job, JobCase, JobFile, Owner

#: Lets a handful of small phantoms decide, by their Dice.
CRITERIA = """
least_patients: 2
least_patients_per_region: 2
least_region_ml: 0.05
dice_margin: 0.05
floor: {WT: 0.05, TC: 0.05, ET: 0.05}
hd95_margin_mm: 50.0
volume_bias_margin_percent: 1000.0
false_volume_margin_ml: 50.0
calibration_margin: 1.0
"""


def small_recipe() -> Recipe:
    """The 3-D model, small enough for a hundred steps in some seconds."""
    changes = (
        "network.channels=[6,12]",
        "network.dropout=[0.1,0.1]",
        "sampling.patch=[16,24,24]",
        "optimiser.learning_rate=0.01",
        "optimiser.mean_decay=0.9",
        "augmentation.missing_share=0.0",
    )
    return load_recipe("unet3d", changes)


def write_phantoms(folder: Path, *, cases: int, seed: int, labels: bool = True) -> Path:
    """Phantoms ``P<seed>_000`` and so on, 24 x 40 x 40 voxels of 1 mm."""
    for number in range(cases):
        phantom = make_phantom(shape=(24, 40, 40), seed=(seed, number))
        phantom = replace(phantom, grid=replace(phantom.grid, spacing=(1.0, 1.0, 1.0)))
        name = f"P{seed}_{number:03d}"
        write_phantom_case(phantom, folder / name, name=name, labels=labels)
    return folder


def early_version(folder: Path, *, steps: int = 15, recipe: Recipe | None = None, cases: Sequence[Case] = ()) -> Path:
    """A folder with the weights of a version that learned for a few steps, by default on phantoms of its own."""
    recipe = recipe or small_recipe()
    torch.set_num_threads(1)
    cases = cases or list(open_studies(write_phantoms(folder / "learned", cases=3, seed=1)))
    data = patch_data(recipe, cases, held_out=[], cache=Cache(folder / "cache"))
    trained = Training(recipe, data.source, folder=folder / "run", steps=steps).run()
    about = describe_training(data.trained_on, held_out=[], steps=steps, initial=None)
    path = folder / "weights" / "unet3d.safetensors"
    save_model_version(path, trained, name="unet3d", version="early-1", recipe=recipe, metadata=about)
    return path.parent


def wrong(label: np.ndarray) -> np.ndarray:
    """A label of another place: the tumour's mirror image, with its tissues mixed up."""
    table = np.array([0, 3, 1, 2], np.uint8)
    return table[label[::-1, ::-1, ::-1]]


class Site:
    """A state folder with a registry, and labelled phantoms of all roles.

    Args:
        folder: a new one.
        weights: folder of the first champion.
        studies: labelled phantoms; the first four are for training, two for validation, the others locked.
    """

    def __init__(self, folder: Path, *, weights: Path, studies: Path) -> None:
        self.state = StateFolder(folder / "state").create()
        self.registry = Registry(weights, state=self.state)
        self.studies = open_studies(studies)
        self.folder = folder
        self._count = 0

    @property
    def champion(self) -> ModelVersion:
        return self.registry.champion("unet3d")

    def cases(self, *, corrupted: bool = False) -> tuple[JobCase, ...]:
        """The cases, with right labels or with wrong ones for training."""
        found = []
        for number, case in enumerate(self.studies):
            role = Role.TRAIN if number < 4 else Role.VALIDATION if number < 6 else Role.LOCKED
            image = case.read_label_image()
            assert image is not None
            bad = corrupted and role == Role.TRAIN
            path = self.folder / "labels" / f"{case.id}{'-wrong' if bad else ''}.nii.gz"
            path.parent.mkdir(exist_ok=True)
            write_volume(wrong(image.array) if bad else image.array, image.grid, path)
            found.append(
                JobCase(
                    case_id=case.id,
                    patient=case.id,
                    role=role,
                    sequences={name: JobFile(path=file.path) for name, file in case.sequences.items()},
                    label=path,
                    label_version=1,
                    label_sha256=file_sha256(path),
                    source="accepted",
                    weight=1.0 if role == Role.TRAIN else 0.0,
                )
            )
        return tuple(found)

    def job(self, *, corrupted: bool = False, criteria: str | None = CRITERIA, **changes: Any) -> JobFolder:
        """A job that was written down."""
        self._count += 1
        content: Mapping[str, Any] = {
            "id": f"20260101T00000{self._count}-unet3d-abcdef",
            "model": "unet3d",
            "created": datetime.now(UTC),
            "owner": Owner(name="ann"),
            "champion": self.champion.version,
            "champion_sha256": self.champion.sha256(),
            "champion_path": self.champion.path,
            "state": self.state.path,
            "cases": self.cases(corrupted=corrupted),
            "epochs": 1,
            "learning_rate": 0.01,
            "device": "cpu",
            "promote": True,
            "seed": 1,
            **changes,
        }
        folder = JobFolder(self.state.trainings / content["id"])
        folder.write_job(Job(**content))
        if criteria is not None:
            folder.criteria.write_text(criteria)
        return folder


class Looker:
    """A watch that remembers, and raises what it is told to after so many calls of ``pause``.

    Args:
        after: calls; None: never.
        error: what is raised.
    """

    def __init__(self, *, after: int | None = None, error: BaseException | None = None) -> None:
        self.said: list[str] = []
        self.stats: list[Mapping[str, Any]] = []
        self.pauses = 0
        self._after, self._error = after, error

    def say(self, line: str) -> None:
        self.said.append(line)

    def progress(self, stats: Mapping[str, Any]) -> None:
        self.stats.append(stats)

    def pause(self) -> None:
        self.pauses += 1
        if self._error is not None and self._after is not None and self.pauses > self._after:
            raise self._error
