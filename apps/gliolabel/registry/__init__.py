"""Model versions: which are there, and which is served."""

from gliolabel.registry.comparing import compare
from gliolabel.registry.place import starter_folder
from gliolabel.registry.registry import MODELS, Registry

__all__ = ["MODELS", "Registry", "compare", "starter_folder"]
