"""What a recipe file may say. One recipe is one trainable system: data, augmentation, network, loss, optimiser, inference."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
Axis = Literal["axial", "coronal", "sagittal"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NetworkSection(_Section):
    """Which network, and its size."""

    kind: Literal["resunet2d", "unet"]
    in_channels: int = Field(default=4, ge=1)
    out_channels: int = Field(default=4, ge=1)
    spatial_dims: Literal[2, 3] = 2
    channels: tuple[int, ...] = ()
    norm: Literal["batch", "instance"] | None = None
    dropout: tuple[Share, ...] = (0.1,)


class SamplingSection(_Section):
    """What one training batch holds."""

    patch: tuple[int, ...] = Field(description="voxels of a patch: (height, width) or (depth, height, width)")
    batch_size: int = Field(ge=1)
    tumour_share: Share = Field(description="share of patches that are centred on a tumour voxel; the others lie anywhere in the brain")
    planes: tuple[Axis, ...] = Field(default=("axial",), description="planes that 2-D patches are cut from, with equal chances")


class AugmentationSection(_Section):
    """Random changes of a patch. Ranges are uniform; probabilities are per patch, or per sequence where the change is."""

    flip: Share = 0.5
    rotate_degrees: float = Field(default=15.0, ge=0.0, le=180.0)
    zoom: tuple[Positive, Positive] = (0.85, 1.2)
    contrast: tuple[Positive, Positive] = (0.75, 1.3)
    brightness: float = Field(default=0.3, ge=0.0, description="largest shift, in standard deviations of the brain")
    gamma: tuple[Positive, Positive] = (0.7, 1.5)
    gamma_share: Share = 0.3
    noise: float = Field(default=0.15, ge=0.0, description="largest standard deviation of Gaussian noise")
    noise_share: Share = 0.3
    coarse: float = Field(default=0.4, gt=0.0, le=1.0, description="smallest resolution to which a sequence is reduced and brought back")
    coarse_share: Share = 0.15
    missing_share: Share = Field(default=0.3, description="share of patches that lose one to three sequences")


class LossSection(_Section):
    """Weights of the two parts of the loss."""

    dice: float = Field(default=1.0, ge=0.0, description="soft Dice of the regions WT, TC, ET over the batch")
    cross_entropy: float = Field(default=1.0, ge=0.0)


class OptimiserSection(_Section):
    """AdamW under a one-cycle schedule, and a running mean of the weights, which is what is kept."""

    learning_rate: Positive
    weight_decay: float = Field(default=0.01, ge=0.0)
    warmup_share: Share = 0.15
    gradient_norm: Positive = 5.0
    mean_decay: Share = Field(default=0.998, description="decay of the running mean of the weights")


class InferenceSection(_Section):
    """How a case is segmented with the trained network."""

    planes: tuple[Axis, ...] = Field(default=("axial",), description="planes over which a 2-D network's probabilities are averaged")
    mirror: bool = Field(default=False, description="average with the left-right mirrored image")


class Recipe(_Section):
    """One trainable system.

    Args:
        name: the recipe's and the model's name.
        title: one line for people.
        source: where the system comes from.
        steps: optimiser steps of a full training.
    """

    name: str = Field(pattern=r"^[a-z0-9_]+$")
    title: str
    source: str
    network: NetworkSection
    sampling: SamplingSection
    augmentation: AugmentationSection = AugmentationSection()
    loss: LossSection = LossSection()
    optimiser: OptimiserSection
    inference: InferenceSection = InferenceSection()
    steps: int = Field(ge=1)
    seed: int = 0
