"""How images differ from what the networks were trained on: the skull still in, thick slices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from gliolabel.studies.background import foreground
from gliolabel.studies.images import CaseImages

#: Voxels longer than this (mm) are thick slices.
THICK_MM: Final = 2.5


@dataclass(frozen=True)
class RawSigns:
    """What was seen in the images of a case.

    Args:
        whole_head: the sequences in which there is more than a brain beside air.
        litres: what there is beside air in the reference, litres.
        thickness_mm: longest edge of a voxel of the reference.
    """

    whole_head: tuple[str, ...]
    litres: float
    thickness_mm: float

    def __bool__(self) -> bool:
        return bool(self.whole_head) or self.thickness_mm > THICK_MM

    def sentence(self) -> str:
        """What is unusual; empty when nothing is."""
        parts = []
        if self.whole_head:
            parts.append(f"the skull is still in {', '.join(self.whole_head)} ({self.litres:.1f} litres beside air)")
        if self.thickness_mm > THICK_MM:
            parts.append(f"slices of {self.thickness_mm:.1f} mm")
        return " and ".join(parts)

    def as_json(self) -> dict[str, Any]:
        """For a machine."""
        return {"whole_head": list(self.whole_head), "litres": round(self.litres, 2), "thickness_mm": round(self.thickness_mm, 2)}


def raw_signs(images: CaseImages) -> RawSigns:
    """Look for the skull and for thick slices."""
    heads = {name: foreground(array, images.grid) for name, array in images.arrays.items()}
    return RawSigns(
        whole_head=tuple(name for name, head in heads.items() if not head.stripped),
        litres=heads[images.reference].litres,
        thickness_mm=max(images.grid.spacing),
    )
