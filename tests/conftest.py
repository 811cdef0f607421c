"""What many tests need: a folder of small phantoms, and the real cases where they are at hand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings
from tests.finished import note_finished

from gliolabel.phantoms import write_phantom_folder

# How long an example takes says more about the machine's load than about the code; every failure is the same for everybody.
settings.register_profile("gliolabel", deadline=None, derandomize=True)
settings.load_profile("gliolabel")

#: Shape (z, y, x) of the phantoms in tests: small enough to be quick, large enough that all three labels occur.
SMALL = (40, 64, 64)


def pytest_configure(config: pytest.Config) -> None:
    note_finished(config)


@pytest.fixture(scope="session")
def phantom_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study folder of three small phantoms in BraTS 2021 layout. Do not write into it."""
    folder = tmp_path_factory.mktemp("phantoms") / "studies"
    write_phantom_folder(folder, cases=3, shape=SMALL)
    return folder


@pytest.fixture(scope="session")
def brats_folder() -> Path:
    """Real BraTS cases: ``$GLIOLABEL_TEST_DATA/brats``, or ``shared/data/brats`` beside the repository. Do not write into it."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("GLIOLABEL_TEST_DATA", beside)) / "brats"
    if not folder.is_dir():
        pytest.skip(f"no real cases at {folder} (set GLIOLABEL_TEST_DATA)")
    return folder


@pytest.fixture(scope="session")
def empty_mlflow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new MLflow database: making one takes seconds."""
    from gliolabel.registry.mlflow_client import open_client  # it reads all of PyTorch and MONAI

    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    open_client(f"sqlite:///{path}")
    return path
