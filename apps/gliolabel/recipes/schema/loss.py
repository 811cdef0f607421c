"""What a training minimises. Every loss takes logits and makes the probabilities itself."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gliolabel.recipes.schema.base import NotNegative, Positive, Section, Share


class RegionLoss(Section):
    """The product models': soft Dice of the regions WT, TC, ET over the batch, plus cross-entropy of the classes."""

    kind: Literal["regions"] = "regions"
    dice: NotNegative = 1.0
    cross_entropy: NotNegative = 1.0


class BinaryLoss(Section):
    """Report 000: ``cross_entropy`` times the weighted binary cross-entropy plus ``dice`` times the soft Dice loss (one channel)."""

    kind: Literal["binary"] = "binary"
    cross_entropy: NotNegative = 1.0
    dice: NotNegative = 1.0
    smooth: NotNegative = 1e-6
    batch: bool = Field(default=False, description="Dice over the whole batch instead of for each sample")
    border: bool = Field(default=False, description="weigh pixels between two regions with the border weight map")
    w0: NotNegative = 10.0
    sigma: Positive = 5.0
    denominator: Literal["printed", "ronneberger"] = "printed"
    connectivity: Literal[4, 8] = 8
    where: Literal["everywhere", "background"] = "everywhere"
    class_weights: Literal["balanced", "none"] = Field(default="none", description="balanced: N / (2 N_c) over the training masks")


class MultilabelLoss(Section):
    """Report 001: ``alpha`` times the soft Dice loss, mean of all classes with background, plus ``1 - alpha`` times cross-entropy."""

    kind: Literal["multilabel"] = "multilabel"
    alpha: Share = 0.5
    smooth: NotNegative = 1e-6


class FocalDiceLoss(Section):
    """Report 003: ``focal`` times the focal loss plus ``dice`` times the soft Dice loss over the batch (one channel)."""

    kind: Literal["focal_dice"] = "focal_dice"
    focal: NotNegative = 0.8
    dice: NotNegative = 0.2
    form: Literal["standard", "as_printed", "as_run"] = Field(
        default="standard", description="standard: Lin et al. times alpha; as_printed: the report's equation 3; as_run: without alpha"
    )
    alpha: Positive = 0.25
    gamma: NotNegative = 1.0
    dice_form: Literal["one_minus", "negative_log"] = "one_minus"
    smooth: NotNegative = 100.0


Loss = Annotated[RegionLoss | BinaryLoss | MultilabelLoss | FocalDiceLoss, Field(discriminator="kind")]
