"""Model versions: which are there, and which is served."""

from gliolabel.registry.registry import MODELS, Registry, starter_folder

__all__ = ["MODELS", "Registry", "starter_folder"]
