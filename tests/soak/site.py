"""What is served in a soak: phantoms, two versions of a small 3-D model, a small 2-D one, and how each of them answers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from tests.labelserver.conftest import disturbed, write_small_studies
from tests.training.retraining.phantom_site import CRITERIA, early_version

from gliolabel.inference import Segmenter
from gliolabel.phantoms.phantom import make_phantom
from gliolabel.recipes import ModelVersion, build_network, load_recipe, save_model_version
from gliolabel.registry import Registry
from gliolabel.state import StateFolder
from gliolabel.studies import Case, Grid, open_studies
from gliolabel.studies.single import case_from_volume

CASES, LABELLED = 24, 16
#: The model that is trained, promoted and rolled back.
MODEL = "unet3d"
#: GiB that the server may use, and a pass here: how a case is cut up must not depend on what is free.
MEMORY_GIB = 4.0
#: Passes of a map.
PASSES = 2


@dataclass
class Site:
    """The folders of a soak.

    Args:
        folder: a new one; the state folder may be a disk of its own.
    """

    folder: Path

    @property
    def studies(self) -> Path:
        return self.folder / "studies"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def weights(self) -> Path:
        return self.folder / "early" / "weights"

    @property
    def criteria(self) -> Path:
        return self.folder / "criteria.yaml"

    @property
    def temporary(self) -> Path:
        """The server's folder for temporary files."""
        return self.folder / "temporary"

    def make(self) -> None:
        """Write cases and weights, and register the second version."""
        self.temporary.mkdir()
        self.criteria.write_text(CRITERIA)
        write_small_studies(self.studies, cases=CASES, labelled=LABELLED)
        early_version(self.folder / "early")
        recipe = load_recipe("resunet2d")
        recipe = recipe.model_copy(update={"inference": recipe.inference.model_copy(update={"planes": ("axial",)})})
        torch.manual_seed(0)
        network = build_network(recipe.network).state_dict()
        save_model_version(self.weights / "resunet2d.safetensors", network, name="resunet2d", version="flat-1", recipe=recipe, metadata={})
        other = disturbed(ModelVersion.load(self.weights / "unet3d.safetensors"), self.folder / "site-1.safetensors")
        assert self._grids
        self.registry.register(other, parent=None, manifest={"cases": []}, seed=None, metrics={}, actor="soak")

    @property
    def registry(self) -> Registry:
        return Registry(self.weights, state=StateFolder(self.state).create())

    @cached_property
    def case_ids(self) -> tuple[str, ...]:
        return tuple(f"Case_{number:03d}" for number in range(CASES))

    @cached_property
    def tumours(self) -> dict[int, np.ndarray]:
        """The true label by number of the case, uint8 (z, y, x)."""
        return {number: make_phantom(shape=(24, 40, 40), seed=(7, number)).labels for number in range(CASES)}

    @cached_property
    def _grids(self) -> tuple[Grid, ...]:
        cases = open_studies(self.studies)
        return tuple(cases.get(case_id).grid() for case_id in self.case_ids)

    def grid(self, number: int) -> Grid:
        """The grid of a case. Known from the beginning: its files may be spoiled later."""
        return self._grids[number]

    def case(self, case_id: str) -> Case:
        return open_studies(self.studies).get(case_id)

    def volume(self, case_id: str) -> Path:
        """The volume of a case that is opened in Slicer for a session."""
        return self.studies / case_id / f"{case_id}_t1ce.nii.gz"

    def listing(self) -> dict[str, str]:
        """SHA-256 of every file in the study folder, by name."""
        files = (path for path in self.studies.rglob("*") if path.is_file())
        return {str(path.relative_to(self.studies)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


class Goldens:
    """How a model version answers when nothing disturbs it: computed here, without a server.

    Args:
        site: whose cases and versions.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._segmenters: dict[tuple[str, str], Segmenter] = {}
        #: What was asked for so far.
        self.known: dict[tuple[str, str, str, str], str] = {}
        self._registry = site.registry
        torch.set_num_threads(1)

    def of(self, kind: str, case_id: str, model: str, version: str) -> str:
        """The digest of the answer.

        Args:
            kind: ``mask``; ``session``, the mask of the case's one volume; ``map``.
            case_id: the case.
            model: name of the model.
            version: of the model.
        """
        key = (kind, case_id, model, version)
        if key not in self.known:
            segmenter = self._segmenter(model, version)
            case = self._site.case(case_id)
            if kind == "session":
                case = case_from_volume(self._site.volume(case_id), name=self._site.volume(case_id).name)
            result = segmenter.segment(case, passes=PASSES if kind == "map" else 0)
            self.known[key] = digest(result.maps.measures["std"] if result.maps else result.mask)
        return self.known[key]

    def _segmenter(self, model: str, version: str) -> Segmenter:
        if (model, version) not in self._segmenters:
            self._segmenters[model, version] = Segmenter(self._registry.version(model, version), device="cpu", memory_gib=MEMORY_GIB)
        return self._segmenters[model, version]


def digest(array: np.ndarray) -> str:
    """SHA-256 of the voxels."""
    kind = np.uint8 if array.dtype.kind in "iu" else np.float32
    return hashlib.sha256(np.ascontiguousarray(array, kind).tobytes()).hexdigest()
