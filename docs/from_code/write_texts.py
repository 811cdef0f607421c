"""Print what the code says, by the name under which pages ask for it, as JSON.

python docs/from_code/write_texts.py
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable


def main() -> int:
    """Print all texts."""
    # MONAI Label reads its settings when it is imported. A site's own must not show in the pages.
    for name in [name for name in os.environ if name.startswith(("MONAI_LABEL_", "GLIOLABEL_"))]:
        del os.environ[name]
    os.environ["MONAI_LABEL_AUTO_UPDATE_SCORING"] = "false"
    print(json.dumps({name: text() for name, text in _sources().items()}))
    return 0


def _sources() -> dict[str, Callable[[], str]]:
    import command_line
    import python_names
    import recipe_files
    import server

    return {
        "command_line": command_line.command_line,
        "recipe_table": recipe_files.recipe_table,
        "recipe_schema": recipe_files.recipe_schema,
        "conf_keys": server.conf_keys,
        "conf_keys_of_slices": server.conf_keys_of_slices,
        "tasks_of_brain_tumor": lambda: server.tasks("brain_tumor"),
        "tasks_of_lgg_flair": lambda: server.tasks("lgg_flair"),
        "batch_options": server.batch_options,
        "routes": server.routes,
        "closed_routes": server.closed_routes,
        "python_names": python_names.python_names,
    }


if __name__ == "__main__":
    sys.exit(main())
