"""What is done to the desk's process from outside the plugin: watching its client, and taking a shared disk away."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any


def keep_answers(folder: Path) -> list[dict[str, Any]]:
    """Keep a copy of every inference answer, since the plugin deletes the file after use.

    Args:
        folder: for the copies.

    Returns:
        A list that grows: `file` (the copy's path) and `params` of each answer.
    """
    from MONAILabelLib import MONAILabelClient  # beside the plugin, found once that is opened

    answers: list[dict[str, Any]] = []
    infer = MONAILabelClient.infer

    def watched(client: Any, *args: Any, **kwargs: Any) -> Any:
        file, params = infer(client, *args, **kwargs)
        folder.mkdir(parents=True, exist_ok=True)
        kept = folder / os.path.basename(file)
        shutil.copy(file, kept)
        answers.append({"file": str(kept), "params": params})
        return file, params

    MONAILabelClient.infer = watched
    return answers


def hide_folder(folder: Path) -> None:
    """Make this process believe that `folder` does not exist, as on a desk that does not share the server's disk."""
    hidden = str(folder.resolve())

    def here(found: Callable[[Any], bool]) -> Callable[[Any], bool]:
        return lambda path: not str(path).startswith(hidden) and found(path)

    os.path.exists, os.path.isfile = here(os.path.exists), here(os.path.isfile)
