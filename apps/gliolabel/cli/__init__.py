"""The ``gliolabel`` command.

Each command is a function in a module of its own, registered in :mod:`gliolabel.cli.app` by one line. Modules here import nothing
heavy at the top: ``gliolabel --help`` must answer at once, and torch alone takes seconds to import.
"""

from __future__ import annotations

from gliolabel.cli.app import main

__all__ = ["main"]
