"""Model versions: which are there, and which is served."""

from gliolabel.registry.comparing import compare
from gliolabel.registry.place import starter_folder
from gliolabel.registry.reading import MODELS
from gliolabel.registry.registry import Registry

__all__ = ["MODELS", "Registry", "compare", "starter_folder"]
