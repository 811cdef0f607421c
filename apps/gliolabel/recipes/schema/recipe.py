"""One trainable system: data, preprocessing, augmentation, network, loss, optimiser, schedule, metric."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from gliolabel.recipes.schema.augmentation import Augmentation, NoAugmentation
from gliolabel.recipes.schema.base import Axis, Section, Share
from gliolabel.recipes.schema.data import DataSection
from gliolabel.recipes.schema.loss import Loss
from gliolabel.recipes.schema.network import NetworkSection
from gliolabel.recipes.schema.optimiser import ConstantSchedule, Keep, OptimiserSection, Schedule, StoppingSection
from gliolabel.recipes.schema.preprocessing import BrainStep, Step
from gliolabel.recipes.schema.sampling import Sampling


class ScoreSection(Section):
    """The number by which a validation is judged: higher is better."""

    kind: Literal["hard_dice", "soft_dice", "mean_iou", "pixel_accuracy"] = "hard_dice"
    background: bool = Field(default=False, description="the background class counts too")
    batch: bool = Field(default=False, description="over a whole batch instead of the mean over samples")
    smooth: float = Field(default=0.0, ge=0.0, description="soft_dice: added to numerator and denominator")


class InferenceSection(Section):
    """How a case is segmented with the trained network."""

    planes: tuple[Axis, ...] = Field(default=("axial",), description="planes over which a 2-D network's probabilities are averaged")
    mirror: bool = Field(default=False, description="average with the left-right mirrored image")
    threshold: Share = Field(default=0.5, description="one channel: tumour above this probability")
    tumour_threshold: Share | None = Field(
        default=None, description="classes: tumour where theirs add up to more than this; null: where one of them is the most probable"
    )
    island_peak: Share | None = Field(
        default=None,
        description="classes: a part of the tumour that is not the largest stays only if theirs add up to more than this somewhere; "
        "null: every part stays",
    )


class Variant(Section):
    """One row of a report's tables: what is set differently."""

    title: str
    set: dict[str, object] = Field(description="section.key: value")


class Recipe(Section):
    """One trainable system.

    Args:
        name: the recipe's and the model's name.
        title: one line for people.
        source: where the system comes from.
        report: which of the five reports, or None for the product's own.
        steps: optimiser steps of a full training; or
        epochs: epochs of a full training, each followed by a validation when there are validation samples.
        variants: named changes, e.g. the rows of the report's tables.
    """

    name: str = Field(pattern=r"^[a-z0-9_]+$")
    title: str
    source: str
    report: Literal["000", "001", "002", "003", "004"] | None = None
    data: DataSection = DataSection()
    preprocessing: tuple[Step, ...] = (BrainStep(),)
    sampling: Sampling
    augmentation: Augmentation = NoAugmentation()
    network: NetworkSection
    loss: Loss
    optimiser: OptimiserSection
    schedule: Schedule = ConstantSchedule()
    stopping: StoppingSection | None = None
    keep: Keep = Field(default="last", description="which weights are the trained model")
    score: ScoreSection = ScoreSection()
    inference: InferenceSection = InferenceSection()
    steps: int | None = Field(default=None, ge=1)
    epochs: int | None = Field(default=None, ge=1)
    seed: int = 0
    variants: dict[str, Variant] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _fits_together(self) -> Recipe:
        if (self.steps is None) == (self.epochs is None):
            raise ValueError(f"steps = {self.steps}, epochs = {self.epochs}: give one of them; set the other to null")
        if (self.keep == "mean") != (self.optimiser.mean_decay is not None):
            raise ValueError("keep: mean and optimiser.mean_decay belong together; give both or neither")
        binary = self.loss.kind in {"binary", "focal_dice"}
        if binary != (self.network.out_channels == 1):
            raise ValueError(f"loss.kind {self.loss.kind} needs network.out_channels {'1' if binary else 'above 1'}")
        if binary != (self.data.target == "whole_tumour"):
            raise ValueError(f"loss.kind {self.loss.kind} needs data.target {'whole_tumour' if binary else 'classes'}")
        if len(self.data.channels) != self.network.in_channels:
            raise ValueError(f"data.channels names {len(self.data.channels)} channels, network.in_channels is {self.network.in_channels}")
        if len(self.sampling.patch) != self.network.spatial_dims:
            raise ValueError(f"sampling.patch has {len(self.sampling.patch)} axes, network.spatial_dims is {self.network.spatial_dims}")
        return self
