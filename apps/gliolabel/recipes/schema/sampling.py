"""What one training batch holds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gliolabel.recipes.schema.base import Axis, Count, Section, Share


class PatchSampling(Section):
    """Patches drawn at random from prepared cases, for ever; an epoch is only a way to count."""

    kind: Literal["patches"] = "patches"
    patch: tuple[Count, ...] = Field(description="voxels of a patch: (height, width) or (depth, height, width)")
    batch_size: int = Field(ge=1)
    tumour_share: Share = Field(description="share of patches that are centred on a tumour voxel; the others lie anywhere in the brain")
    planes: tuple[Axis, ...] = Field(default=("axial",), description="planes that 2-D patches are cut from, with equal chances")


class WholeSampling(Section):
    """Whole samples, each once an epoch in a new random order."""

    kind: Literal["whole"] = "whole"
    patch: tuple[Count, ...] = Field(description="size of a sample after its preprocessing: (height, width) or (depth, height, width)")
    batch_size: int = Field(ge=1)
    drop_last: bool = Field(default=False, description="leave out an epoch's last batch when it is not full")
    steps_per_epoch: int | None = Field(default=None, ge=1, description="an epoch ends after so many batches; without it after all samples")


Sampling = Annotated[PatchSampling | WholeSampling, Field(discriminator="kind")]
