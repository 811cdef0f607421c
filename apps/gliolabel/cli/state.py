"""Which state folder a command works on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

#: Names the state folder. The same as ``gliolabel.state.folder.ENVIRONMENT``, whose import would slow down ``--help``.
STATE_VARIABLE: Final[str] = "GLIOLABEL_STATE"


def state_path() -> Path | None:
    """The state folder named by ``--state`` or the environment, else the only one there is, else None: the starter versions.

    Raises:
        InputError: none was named and there are several; the message lists them.
    """
    from gliolabel.state import find_state_folders, resolve_state_folder

    if not os.environ.get(STATE_VARIABLE) and not find_state_folders():
        return None
    return resolve_state_folder().path
