"""Model versions: which are there, and which is served."""

from gliolabel.registry.comparing import compare
from gliolabel.registry.place import starter_folder
from gliolabel.registry.registry import Registry

__all__ = ["Registry", "compare", "starter_folder"]
