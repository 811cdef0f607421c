"""A process that promotes is killed at every point: the champion is always a valid version, and the next operation puts things in order."""

from __future__ import annotations

import importlib.util
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from gliolabel.registry import Registry
from gliolabel.registry.mlflow_client import open_client
from gliolabel.state import Database, StateFolder
from gliolabel.state.audit import AuditLog

SCRIPT = Path(__file__).with_name("killed.py")
#: From this point on, MLflow has the new champion.
DONE_FROM = "alias"


def points() -> list[str]:
    spec = importlib.util.spec_from_file_location("killed", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return list(module.POINTS)


def test_killed_at_every_point(state: StateFolder, starters: Path, trained: Callable[..., Path]) -> None:
    registry = Registry(starters, state=state)
    registry.register(trained("site-1"), parent=None, manifest={}, seed=0, metrics={}, actor="ann")
    database = Database(state)
    log = AuditLog(database)
    promoted = 0
    with subprocess.Popen(
        [sys.executable, str(SCRIPT), str(state.path), "site-1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as killer:
        assert killer.stdin is not None
        assert killer.stdout is not None
        for point in points():
            # The challenger is one again, so that every promotion takes the same steps.
            registry.register(trained("site-1"), parent=None, manifest={}, seed=0, metrics={}, actor="ann")
            open_client(f"sqlite:///{state.models / 'mlflow.db'}").set_registered_model_alias("unet3d", "challenger", "2")
            before = len(log.entries())
            killer.stdin.write(point + "\n")
            killer.stdin.flush()
            assert killer.stdout.readline().strip() == str(int(signal.SIGKILL)), point
            took_place = points().index(point) >= points().index(DONE_FROM)

            served = Registry(state=state).champion("unet3d")
            entry = registry.entry("unet3d", served.version)
            assert entry is not None, point
            assert served.sha256() == entry.sha256, point

            registry.catch_up()
            expected = "site-1" if took_place else "starter-1"
            assert Registry(state=state).champion("unet3d").version == expected, point
            client = open_client(f"sqlite:///{state.models / 'mlflow.db'}")
            assert client.get_model_version_by_alias("unet3d", "champion").tags["gliolabel.version"] == expected, point
            assert not (state.models / "changing.json").exists(), point
            # Written down exactly when it took place, and once.
            new = [row.event for row in log.entries()][before:]
            assert new == (["override", "promotion"] if took_place else []), point
            if took_place:
                promoted += 1
                assert registry.before("unet3d") == ("starter-1",), point
                registry.rollback("unet3d", actor="ann", reason="again")
            assert registry.before("unet3d") == (), point
        killer.stdin.close()
    assert promoted == 6
    database.close()
