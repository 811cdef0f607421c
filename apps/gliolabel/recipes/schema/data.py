"""Which cases a recipe learns from, what one sample of them is, and how they are divided."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gliolabel.recipes.schema.base import Count, HalfOpen, Section, Share


class Take(Section):
    """One part of the split: a share of what the parts before it left, rounded up to whole cases (or slices)."""

    role: Literal["validation", "test"]
    share: Share


class SplitSection(Section):
    """How samples are divided into training, validation and test. What no part takes is the training set."""

    by: Literal["patient", "slice"] = Field(
        default="patient", description="slice: as some reports did; slices of one patient lie on both sides, so scores come out too high"
    )
    take: tuple[Take, ...] = Field(default=(), description="in order")
    training_at_most: Count | None = Field(
        default=None, description="of what is left for training only so many patients (by: slice: slices), drawn at random"
    )
    seed: int = 0


class DataSection(Section):
    """Cases and samples."""

    layout: Literal["brats", "lgg"] = Field(default="brats", description="lgg: patient folders of TIFF slices with _mask.tif beside them")
    channels: tuple[Literal["t1", "t1ce", "t2", "flair"], ...] = Field(
        default=("t1", "t1ce", "t2", "flair"), min_length=1, description="input channels, in order"
    )
    unit: Literal["volume", "slice"] = Field(default="volume", description="what one sample is: a whole volume, or an axial slice of it")
    slices: HalfOpen | None = Field(default=None, description="half-open range of axial slices that are used; without it all")
    smallest_lit_share: Share | None = Field(
        default=None, description="slices with a smaller share of pixels above 0 in every channel are left out (and counted, by class)"
    )
    target: Literal["classes", "whole_tumour"] = Field(
        default="classes", description="classes: 0 background, 1 necrosis, 2 edema, 3 enhancing tumor; whole_tumour: 0 and 1"
    )
    split: SplitSection = SplitSection()
