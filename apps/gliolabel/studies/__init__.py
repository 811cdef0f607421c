"""Where cases come from: folders, flat files, MSD 4-D files; their sequences, labels and geometry."""

from __future__ import annotations

from gliolabel.studies.case import Case, CaseImages, LabelFile, LabelImage, VolumeFile
from gliolabel.studies.grid import Grid
from gliolabel.studies.numbering import Numbering
from gliolabel.studies.store import Problem, Studies, open_studies

__all__ = ["Case", "CaseImages", "Grid", "LabelFile", "LabelImage", "Numbering", "Problem", "Studies", "VolumeFile", "open_studies"]
