"""What the tests of a retraining share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.training.retraining.phantom_site import Site, early_version, write_phantoms


@pytest.fixture(scope="session")
def early_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of weights that learned for a few steps."""
    return early_version(tmp_path_factory.mktemp("early"))


@pytest.fixture(scope="session")
def site_studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten labelled phantoms. Do not write into the folder."""
    return write_phantoms(tmp_path_factory.mktemp("site") / "studies", cases=10, seed=2)


@pytest.fixture
def site(tmp_path: Path, early_weights: Path, site_studies: Path) -> Site:
    """A site of its own for each test."""
    return Site(tmp_path, weights=early_weights, studies=site_studies)


@pytest.fixture
def new_site(tmp_path: Path, early_weights: Path, site_studies: Path) -> Callable[[str], Site]:
    """Makes more than one."""

    def make(name: str) -> Site:
        (tmp_path / name).mkdir()
        return Site(tmp_path / name, weights=early_weights, studies=site_studies)

    return make
