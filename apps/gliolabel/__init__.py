"""GlioLabel: brain-tumour segmentation with visible uncertainty, for MONAI Label and 3D Slicer."""

from __future__ import annotations

from typing import Final

__version__: Final[str] = "0.1.0"
