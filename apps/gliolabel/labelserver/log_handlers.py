"""Where the log goes: MONAI Label sets up its handlers when the server begins, before our app is there."""

from __future__ import annotations

import logging


def log_handlers() -> set[logging.Handler]:
    """Every handler of every logger."""
    known = [logger for logger in logging.root.manager.loggerDict.values() if isinstance(logger, logging.Logger)]
    return {handler for logger in (logging.root, *known) for handler in logger.handlers}
