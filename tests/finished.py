"""Which tests have passed, written down one by one: when a library crashes the process, the others can still be run (``.ci/run``)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


class Finished:
    """Notes each test that passed or was skipped in a file, and leaves out those that already stand in it.

    Args:
        file: one test's id a line; need not be there.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._failed: set[str] = set()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        done = set(self.file.read_text(encoding="utf-8").splitlines()) if self.file.exists() else set()
        config.hook.pytest_deselected(items=[item for item in items if item.nodeid in done])
        items[:] = [item for item in items if item.nodeid not in done]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._failed.add(report.nodeid)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        if nodeid not in self._failed:
            with self.file.open("a", encoding="utf-8") as lines:  # closed at once: the next test may end the process
                lines.write(f"{nodeid}\n")


def note_finished(config: pytest.Config) -> None:
    """Do so in this run, if ``$GLIOLABEL_TESTS_FINISHED`` names a file."""
    if file := os.environ.get("GLIOLABEL_TESTS_FINISHED"):
        config.pluginmanager.register(Finished(Path(file)))
