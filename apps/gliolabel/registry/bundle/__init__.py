"""A model version as a MONAI bundle: a folder that MONAI and MONAI Label run, with or without this package."""

from gliolabel.registry.bundle.exporting import export_bundle

__all__ = ["export_bundle"]
