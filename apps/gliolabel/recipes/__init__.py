"""Trainable systems as files, the schema that reads them, and the model versions they become."""

from gliolabel.recipes.building import build_network
from gliolabel.recipes.loading import list_recipes, load_recipe
from gliolabel.recipes.model_version import ModelVersion, save_model_version
from gliolabel.recipes.schema import Recipe

__all__ = ["ModelVersion", "Recipe", "build_network", "list_recipes", "load_recipe", "save_model_version"]
