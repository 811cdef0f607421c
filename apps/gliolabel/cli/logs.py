"""Keeping libraries quiet where a person reads the terminal."""

from __future__ import annotations

import logging
import warnings


def quiet_libraries() -> None:
    """Hide what imported libraries say about themselves (deprecations, missing extras); our own warnings go to the console."""
    warnings.filterwarnings("ignore")
    for name in ("monai", "matplotlib", "torch", "nibabel"):
        logging.getLogger(name).setLevel(logging.ERROR)
