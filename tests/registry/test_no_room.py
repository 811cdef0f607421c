"""The file system refuses to write: the message says so, the champion stays, and nothing is left half done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.disks import no_file_longer_than

from gliolabel.errors import UnavailableError
from gliolabel.registry import Registry
from gliolabel.state import StateFolder


# Not even the change can be written down; MLflow's database, of some 950,000 bytes, cannot be written.
@pytest.mark.parametrize("length", [16, 200_000])
def test_a_promotion(length: int, state: StateFolder, starters: Path, trained: Callable[..., Path]) -> None:
    registry = Registry(starters, state=state)
    registry.register(trained("site-1"), parent=None, manifest={}, seed=0, metrics={}, actor="ann")
    with no_file_longer_than(length), pytest.raises(UnavailableError, match=r"written|cannot be used"):
        registry.promote("unet3d", "site-1", actor="ann", reason="test", override=True)
    assert registry.champion("unet3d").version == "starter-1"
    assert registry.promote("unet3d", "site-1", actor="ann", reason="test", override=True).version == "site-1"
    with registry.audit() as log:
        assert [row.event for row in log.entries()] == ["override", "promotion"]


def test_a_registration(state: StateFolder, starters: Path, trained: Callable[..., Path]) -> None:
    registry = Registry(starters, state=state)
    registry.register(trained("site-1"), parent=None, manifest={}, seed=0, metrics={}, actor="ann")
    path = trained("site-2", seed=2)
    with no_file_longer_than(path.stat().st_size // 2), pytest.raises(UnavailableError, match="cannot be used"):
        registry.register(path, parent=None, manifest={}, seed=0, metrics={}, actor="ann")
    assert [v.version for v in registry.versions("unet3d")] == ["starter-1", "site-1"]
    assert (
        registry.register(path, parent=None, manifest={}, seed=0, metrics={}, actor="ann").sha256()
        == registry.version("unet3d", "site-2").sha256()
    )
    assert [v.version for v in registry.versions("unet3d")] == ["starter-1", "site-1", "site-2"]
