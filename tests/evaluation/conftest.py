"""Made-up predictors and evaluations made from them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from gliolabel.evaluation.cases import VolumeCase
from gliolabel.evaluation.files import Digests
from gliolabel.evaluation.kept import KeptOutcomes
from gliolabel.evaluation.running import ModelUnderTest
from gliolabel.registry import Registry
from gliolabel.studies import open_studies


@pytest.fixture(scope="session")
def grown() -> ModuleType:
    """The helper module beside this file."""
    spec = importlib.util.spec_from_file_location("grown", Path(__file__).with_name("grown.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def cases(phantom_folder: Path) -> list[VolumeCase]:
    """The three phantoms."""
    files = Digests()
    return [VolumeCase(case, files) for case in open_studies(phantom_folder)]


@pytest.fixture
def tested(grown: ModuleType, tmp_path: Path) -> Callable[..., ModelUnderTest]:
    """``tested("good", voxels=1)`` -> a made-up model, kept in the test's folder."""

    def make(label: str, *, voxels: int = 0, preparation: str = "none", sha256: str = "", seen: tuple[str, ...] = ()) -> ModelUnderTest:
        predictor = grown.GrownTruth(Registry().champion("unet3d"), voxels=voxels, preparation=preparation)
        return ModelUnderTest(
            label=label, sha256=sha256 or label, predictor=predictor, kept=KeptOutcomes(tmp_path / "kept" / label), seen=frozenset(seen)
        )

    return make
