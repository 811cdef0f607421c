"""Random changes of training samples. Ranges are uniform."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gliolabel.recipes.schema.base import Counts, NotNegative, Positives, Section, Share, Shares


class NoAugmentation(Section):
    """None."""

    kind: Literal["none"] = "none"


class PatchAugmentation(Section):
    """The product models': geometry, intensity, resolution, and which sequences there are.

    Probabilities are per patch, or per sequence where the change is.
    """

    kind: Literal["patches"] = "patches"
    flip: Share = 0.5
    rotate_degrees: float = Field(default=15.0, ge=0.0, le=180.0)
    zoom: Positives = (0.85, 1.2)
    contrast: Positives = (0.75, 1.3)
    brightness: float = Field(default=0.3, ge=0.0, description="largest shift, in standard deviations of the brain")
    gamma: Positives = (0.7, 1.5)
    gamma_share: Share = 0.3
    noise: float = Field(default=0.15, ge=0.0, description="largest standard deviation of Gaussian noise")
    noise_share: Share = 0.3
    coarse: float = Field(default=0.4, gt=0.0, le=1.0, description="smallest resolution to which a sequence is reduced and brought back")
    coarse_share: Share = 0.15
    missing_share: Share = Field(default=0.3, description="share of patches that lose one to three sequences")
    unenhanced_share: Share = Field(default=0.0, description="share of patches whose tumour is shown as if it did not enhance")


class FlipRotateAugmentation(Section):
    """Independent draws for each sample: flips of either axis, and turns by 90, 180 or 270 degrees."""

    kind: Literal["flip_rotate"] = "flip_rotate"
    horizontal: Share = 0.5
    vertical: Share = 0.5
    rotate90: Share = 0.5


class BrightnessAugmentation(Section):
    """``v' = alpha v^gamma``, the image only, alpha and gamma drawn for each sample."""

    kind: Literal["brightness"] = "brightness"
    alpha: Positives = (0.8, 1.2)
    gamma: Positives = (0.8, 1.2)


class BatchWiseAugmentation(Section):
    """The same draw for the whole batch: noise, then flips of the two spatial axes, then square patches set to 0 in the input."""

    kind: Literal["batch_wise"] = "batch_wise"
    flip: Share = Field(default=0.25, description="for each of the two axes")
    noise_share: Share = 0.25
    noise_mean: float = 0.05
    noise_std: NotNegative = 0.1
    mask_share: Share = 0.4
    mask_patches: Counts = Field(default=(1, 6), description="fewest and most patches, both possible")
    mask_side: Shares = Field(default=(0.1, 0.2), description="side of a patch as a share of the image's side")


class AffineAugmentation(Section):
    """One affine change for each sample, pixels outside taken from the nearest edge, then a horizontal flip."""

    kind: Literal["affine"] = "affine"
    rotate_degrees: NotNegative = 0.2
    shift: Share = Field(default=0.05, description="largest shift along each axis, as a share of its length")
    zoom: float = Field(default=0.05, ge=0.0, lt=1.0, description="drawn from 1 - zoom to 1 + zoom")
    shear_degrees: NotNegative = 0.0
    horizontal: Share = 0.5


Augmentation = Annotated[
    NoAugmentation | PatchAugmentation | FlipRotateAugmentation | BrightnessAugmentation | BatchWiseAugmentation | AffineAugmentation,
    Field(discriminator="kind"),
]
