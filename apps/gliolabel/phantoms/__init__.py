"""Synthetic cases for demonstrations and tests: made, never stored, never trained on."""

from __future__ import annotations

from gliolabel.phantoms.phantom import BRATS_SHAPE, Phantom, make_phantom
from gliolabel.phantoms.variants import moved, movement, oblique, regridded, reoriented, spaced, with_skull
from gliolabel.phantoms.writing import write_msd_folder, write_phantom_case, write_phantom_folder

__all__ = [
    "BRATS_SHAPE",
    "Phantom",
    "make_phantom",
    "moved",
    "movement",
    "oblique",
    "regridded",
    "reoriented",
    "spaced",
    "with_skull",
    "write_msd_folder",
    "write_phantom_case",
    "write_phantom_folder",
]
