"""``python -m gliolabel.cli``: the command, where its script is not on the path."""

from __future__ import annotations

from gliolabel.cli import main

main()
