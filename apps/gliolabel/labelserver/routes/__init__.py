"""HTTP routes that take the place of MONAI Label's own.

MONAI Label's are ``async`` and call blocking code, so one inference stops the whole server; ours are plain functions, which FastAPI runs in
worker threads. Ours check what comes in, and clean up what they stored on every way out.
"""

from gliolabel.labelserver.routes.install import install_routes

__all__ = ["install_routes"]
